"""Train the sieve, edge_daemon/sieve.py's network: `python -m scripts.training.sieve --help`.

Scenes are made, the daemon's own ink.py looks for ink in them, and each piece of ink is a sample: of a digit, or not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon import sieve
from edge_daemon.ink import Blob, contrast, find_blobs
from edge_daemon.segment import looks_like_writing
from scripts.training import fonts, hands, pages, scenes, sets

PER_SCENE = 60
"""Pieces of ink taken from one scene at most: a lawn must not outweigh a page."""
IS_DIGIT, IS_NONE = 0.6, 0.2
"""Share of a piece's ink that is digits' ink: from here on it is one, up to here none; between, it is left out."""
PART = 0.12
"""A splinter with less of a digit's ink than this teaches nothing."""
CROPS = {"mnist_train": 0.3, "bhmsds_digits": 0.25, "hwd1000": 0.1, "orand_raw": 0.35}
"""Sets that scenes are written with, and how often."""


def sources(data: Path, held: bool = False) -> pages.Sources:
    """What scenes are written with; `held`: by writers and in fonts that are kept from training."""
    chosen = fonts.split(fonts.files())[int(held)]
    crops, shares, characters = [], [], []
    for entry in sets.SETS:
        inks, labels = sets.load(entry, data)
        if entry.file in CROPS:
            mine = [i for i in range(len(inks)) if (i % 10 == 9) == held]
            crops.append(hands.by_digit([inks[i] for i in mine], labels[mine]))
            shares.append(CROPS[entry.file])
        elif entry.file != "semeion":
            characters += inks[int(held) :: 2]
    return pages.Sources(chosen, crops, shares, characters)


def labelled(made: scenes.Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(views, whether each is a digit's) of the pieces of ink that the daemon finds in a scene."""
    ink = contrast(made.picture)
    blobs = [blob for blob in find_blobs(ink) if looks_like_writing(blob, made.picture.shape)]
    near = cv2.dilate(made.ids, np.ones((3, 3), np.uint8))  # lenses widen strokes
    whole = np.bincount(made.ids.ravel(), minlength=len(made.labels))
    labels = [label_of(blob, made.ids, near, whole) for blob in blobs]
    kept = [i for i, label in enumerate(labels) if label is not None]
    order = np.random.default_rng(len(blobs)).permutation(kept).astype(int)[:PER_SCENE]
    return sieve.views(ink, [blobs[i] for i in order]), np.array([labels[i] for i in order], np.uint8)


def label_of(blob: Blob, ids: pages.Ids, near: pages.Ids, whole: NDArray[np.int64]) -> int | None:
    """1 for a digit or a good part of it, 0 for none; None for what is mixed, or a splinter of a digit."""
    inked = blob.ink > 64
    window = (slice(blob.y, blob.y + blob.h), slice(blob.x, blob.x + blob.w))
    share = float((near[window][inked] > 0).mean()) if inked.any() else 0.0
    if share <= IS_NONE:
        return 0
    held = np.bincount(ids[window][inked], minlength=len(whole))[1:] / np.maximum(1, whole[1:])
    return 1 if share >= IS_DIGIT and held.max(initial=0) > PART else None


_work: list[tuple[pages.Sources, int]] = []


def _adopt(source: pages.Sources, seed: int) -> None:
    _work[:] = [(source, seed)]


def _samples(index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    source, seed = _work[0]
    return labelled(scenes.scene(np.random.default_rng([seed, index]), source))


def make(source: pages.Sources, count: int, seed: int, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Samples of `count` scenes: x (n, SIDE, SIDE, VIEWS), y (n,). Kept at `path`."""
    if not path.exists():
        cv2.setNumThreads(1)
        with multiprocessing.get_context("fork").Pool(os.cpu_count(), _adopt, (source, seed)) as pool:
            made = pool.map(_samples, range(count), chunksize=10)
        np.savez(
            path, x=np.concatenate([x for x, _ in made if len(x)]), y=np.concatenate([y for x, y in made if len(x)])
        )
    with np.load(path) as kept:
        return kept["x"], kept["y"]


def build(batch: int | None = None) -> Any:
    """A Keras model, input (batch, SIDE, SIDE, VIEWS) in 0..1, output one logit."""
    import keras
    from keras import layers

    def block(x: Any, width: int, size: int = 3, stride: int = 1) -> Any:
        x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    picture = keras.Input(batch_shape=(batch, sieve.SIDE, sieve.SIDE, sieve.VIEWS))
    x = block(picture, 12, 5, 2)
    x = block(x, 16, 3, 2)
    x = block(x, 24, 3, 1)
    x = block(x, 32, 3, 2)
    x = layers.Dropout(0.1)(layers.Flatten()(x))
    x = layers.ReLU()(layers.Dense(24)(x))
    return keras.Model(picture, layers.Dense(1)(x))


def train(x: NDArray[np.uint8], y: NDArray[np.uint8], check: tuple[Any, Any], epochs: int, seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    model = build()
    steps = epochs * (len(y) // 256)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps, alpha=0.01, warmup_target=4e-3, warmup_steps=steps // 10)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.02),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    model.fit(
        x.astype(np.float32) / 255 if len(x) < 50_000 else _batches(x, y),
        y if len(x) < 50_000 else None,
        batch_size=256 if len(x) < 50_000 else None,
        epochs=epochs,
        steps_per_epoch=None if len(x) < 50_000 else len(y) // 256,
        validation_data=check,
        verbose=2,
    )
    return model


def _batches(x, y):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(len(y))
        for i in range(0, len(y) - 256, 256):
            chosen = order[i : i + 256]
            yield x[chosen].astype(np.float32) / 255, y[chosen].astype(np.float32)[:, None]


def to_tflite(trained: Any, sample: NDArray[np.uint8]) -> dict[str, bytes]:
    import tensorflow as tf

    shipped = build(batch=1)
    shipped.set_weights(trained.get_weights())
    plain = tf.lite.TFLiteConverter.from_keras_model(shipped)
    small = tf.lite.TFLiteConverter.from_keras_model(shipped)
    small.optimizations = [tf.lite.Optimize.DEFAULT]
    ends = sample[:1].copy()
    ends.flat[0], ends.flat[1] = 0, 255
    pictures = (np.concatenate((ends, sample[1:])) / 255).astype(np.float32)
    small.representative_dataset = lambda: ([picture[None]] for picture in pictures)
    small.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    small.inference_input_type = small.inference_output_type = tf.uint8
    return {"float32": plain.convert(), "int8": small.convert()}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/train_sieve", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the training sets (models/README.md names them)")
    add("--scenes", type=int, default=5000)
    add("--epochs", type=int, default=10)
    add("--work", type=Path, default=Path(".training"))
    add("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    cx, cy = make(sources(args.data, held=True), 400, args.seed + 1000, args.work / "check.npz")
    x, y = make(sources(args.data), args.scenes, args.seed, args.work / f"sieve-{args.scenes}.npz")
    print(len(y), "samples", y.mean(), "positive; check", len(cy), cy.mean(), flush=True)
    model = train(x, y, (cx.astype(np.float32) / 255, cy.astype(np.float32)[:, None]), args.epochs, args.seed)
    model.save(args.work / "sieve.keras")
    for kind, content in to_tflite(model, x[:: max(1, len(x) // 1000)]).items():
        (args.work / f"sieve.{kind}.tflite").write_bytes(content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
