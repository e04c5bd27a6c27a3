"""Trains the sieve, the network of edge_daemon/recognition/sieve.py that rejects ink that is no digit.

Scenes are drawn, the daemon's own ink.py finds ink in them, and each piece of ink is a sample: a digit, or no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.inference.runtime import find_runtime
from edge_daemon.recognition import sieve
from edge_daemon.recognition.ink import Blob, contrast, find_blobs
from edge_daemon.recognition.segment import MIN_CHANCE, looks_like_writing
from edge_daemon.sources.simulated import handwriting
from scripts.training.common import convert, manifest, options, pool, runtimes
from scripts.training.digits import sets
from scripts.training.scenes import page as pages
from scripts.training.scenes import photos, scene

NAME = "sieve"
BATCH = 256
CHECK = 400
"""Scenes of held-back writers and fonts, for calibration and figures."""
GOLDEN = 12
"""Pictures on the golden sheet."""
PER_SCENE = 45
"""Pieces of ink taken from one scene at most: a lawn must not outweigh a page."""
IS_DIGIT, IS_NONE = 0.6, 0.2
"""Share of digit ink in a piece: from the first on it is a digit, up to the second it is none; others are left out."""
PART = 0.12
"""Pieces with a smaller share of a digit's ink than this are left out."""
HANGS, WHOLE = 0.35, 0.7
"""A digit joined to a line is a digit too if the digit is at least HANGS of the ink and WHOLE of it is there."""
BARE = 2.0
"""Weight of a 1 in training: most bars are no digit, but a 1 must not be rejected."""


class Samples(NamedTuple):
    """Pieces of ink."""

    x: NDArray[np.uint8]
    """(n, SIDE, SIDE, VIEWS)"""
    y: NDArray[np.uint8]
    """(n,): 1 + the digit for digits' ink, 0 for any other."""


def label_scene(made: scene.Scene) -> Samples:
    """At most PER_SCENE of the pieces of ink that the daemon finds in a scene, with labels."""
    ink = contrast(made.picture)
    blobs = [blob for blob in find_blobs(ink) if looks_like_writing(blob, made.picture.shape)]
    near = cv2.dilate(made.ids, np.ones((3, 3), np.uint8)).astype(np.uint16)  # lenses widen strokes
    whole = np.bincount(made.ids.ravel(), minlength=len(made.labels))
    labels = [label_blob(blob, made.ids, near, whole, made.labels) for blob in blobs]
    kept = [i for i, label in enumerate(labels) if label is not None]
    order = np.random.default_rng(len(blobs)).permutation(kept).astype(int)[:PER_SCENE]
    return Samples(sieve.views(ink, [blobs[i] for i in order]), np.array([labels[i] for i in order], np.uint8))


def label_blob(
    blob: Blob, ids: pages.Ids, near: pages.Ids, whole: NDArray[np.int64], labels: sets.Labels
) -> int | None:
    """1 + the digit for a digit or a large part of it, 0 for other ink; None for mixed ink or a small part."""
    inked = blob.ink > 64
    window = (slice(blob.y, blob.y + blob.h), slice(blob.x, blob.x + blob.w))
    share = float((near[window][inked] > 0).mean()) if inked.any() else 0.0
    if share <= IS_NONE:
        return 0
    held = np.bincount(ids[window][inked], minlength=len(whole))[1:] / np.maximum(1, whole[1:])
    part = float(held.max(initial=0))
    is_digit = (share >= IS_DIGIT and part > PART) or (share >= HANGS and part > WHOLE)
    return 1 + int(labels[1 + int(held.argmax())]) if is_digit else None


Maker = Callable[[np.random.Generator], scene.Scene]


def make(maker: Maker, count: int, seed: int, path: Path) -> Samples:
    """Samples of `count` scenes; kept at `path` and read from there the next time."""
    if not path.exists():
        made = pool.map_parallel(lambda index: label_scene(maker(np.random.default_rng([seed, index]))), range(count))
        np.savez(path, x=np.concatenate([m.x for m in made]), y=np.concatenate([m.y for m in made]))
    with np.load(path) as kept:
        return Samples(kept["x"], kept["y"])


def written_scenes(data: Path, held: bool = False) -> Maker:
    """A maker of scenes with writing; `held`: of held-back writers and fonts."""
    source = pages.sources(data, held)
    return lambda rng: scene.make_scene(rng, source)


def photo_scenes(held: bool = False) -> Maker:
    """A maker of scenes from photographs; `held`: every fifth photograph, held back from training."""
    paths = [path for i, path in enumerate(photos.files()) if (i % 5 == 4) == held]
    return lambda rng: photos.make_scene(rng, paths)


def concatenate(one: Samples, other: Samples) -> Samples:
    return Samples(np.concatenate((one.x, other.x)), np.concatenate((one.y, other.y)))


def build(batch: int | None = None) -> Any:
    """A Keras model, input (batch, SIDE, SIDE, VIEWS) in 0..1, output one logit."""
    import keras
    from keras import layers

    def block(x: Any, width: int, size: int = 3, stride: int = 1) -> Any:
        x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    picture = keras.Input(batch_shape=(batch, *sieve.PICTURE))
    x = block(block(picture, 16, 5, 2), 24, 3, 2)
    x = block(block(x, 32), 40, 3, 2)
    x = layers.Dropout(0.1)(layers.Flatten()(x))
    x = layers.ReLU()(layers.Dense(32)(x))
    return keras.Model(picture, layers.Dense(1)(x))


def train(samples: Samples, check: Samples, epochs: int, seed: int) -> Any:
    """A trained Keras model."""
    import keras

    keras.utils.set_random_seed(seed)
    model = build()
    steps = epochs * (len(samples.y) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps, alpha=0.01, warmup_target=4e-3, warmup_steps=steps // 10)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.02),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    known = check.x.astype(np.float32) / 255, (check.y > 0).astype(np.float32)[:, None]
    per_epoch = len(samples.y) // BATCH
    model.fit(batches(samples, seed), epochs=epochs, steps_per_epoch=per_epoch, validation_data=known, verbose=2)
    return model


def batches(samples: Samples, seed: int) -> Iterator[tuple[NDArray[np.float32], ...]]:
    """Views, whether they are digits', weights: for ever, in a new order each time round.

    As floats only here: they would fill the memory.
    """
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(samples.y))
        for i in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[i : i + BATCH]
            y = samples.y[chosen]
            weights = np.where(y == 2, BARE, 1.0).astype(np.float32)
            yield samples.x[chosen].astype(np.float32) / 255, (y > 0).astype(np.float32)[:, None], weights


def temperature(logits: NDArray[np.float32], truth: NDArray[np.uint8]) -> float:
    """The divisor of logits with the greatest likelihood of the truth."""
    signed = np.where(truth > 0, -logits, logits)
    tried = np.exp(np.linspace(np.log(0.2), np.log(5.0), 200))
    return round(float(tried[np.argmin([np.logaddexp(0, signed / t).mean() for t in tried])]), 3)


def logits(content: bytes, x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n,), on the interpreter that the daemon uses."""
    return sieve.network(find_runtime(), content, "the sieve").logits(x)[:, 0]


def differences(networks: dict[str, bytes], x: NDArray[np.uint8]) -> dict[str, float]:
    """For each pair of (kind on package) the 99th percentile of the difference of their logits."""
    outputs = runtimes.logits_by_runtime(networks, x, sieve.network)
    return {
        f"{a} - {b}": round(float(np.percentile(np.abs(outputs[a] - outputs[b]), 99)), 3)
        for a, b in combinations(outputs, 2)
    }


def figures(chances: NDArray[np.float32], truth: NDArray[np.uint8]) -> dict[str, float]:
    """Shares that pass the threshold segment.MIN_CHANCE."""
    passed = chances >= MIN_CHANCE
    return {
        "kept from": MIN_CHANCE,
        "digits kept": round(float(passed[truth > 0].mean()), 4),
        "clutter kept": round(float(passed[truth == 0].mean()), 4),
    }


def write(folder: Path, version: str, networks: dict[str, bytes], check: Samples) -> Path:
    """Write the sieve into `folder` and return the manifest's path."""
    outputs = {kind: logits(content, check.x) for kind, content in networks.items()}
    heat = {kind: temperature(out, check.y) for kind, out in outputs.items()}
    golden = golden_views()
    facts = {
        "temperature": heat,
        "views": sieve.VERSION,
        "figures": {
            "held back": {kind: figures(chance(out / heat[kind]), check.y) for kind, out in outputs.items()},
            "runtimes": differences(networks, check.x[:: max(1, len(check.x) // 1000)]),
        },
        "golden": chance(logits(networks["float32"], golden) / heat["float32"]).round(4).tolist(),
    }
    sheet = cv2.imencode(".png", golden.swapaxes(0, 1).reshape(sieve.SIDE, -1, sieve.VIEWS))[1].tobytes()
    return manifest.save(folder, NAME, version, networks, sheet, facts)


def golden_views() -> NDArray[np.uint8]:
    """The golden pictures, drawn by the project: half digits, half lines of a table."""
    written, ruled = np.full((240, 480), 215, np.uint8), np.full((240, 480), 215, np.uint8)
    for i, text in enumerate(("20", "38", "64")):
        number = handwriting.Writer(i).number(text, 44)
        handwriting.draw(written, [s + np.array([40 + 150 * i, 90], np.float32) for s in number.strokes], 4, 60)
    for y in (40, 90, 140, 190):
        cv2.line(ruled, (10, y), (470, y + 4), (140,), 2, cv2.LINE_AA)
        cv2.line(ruled, (20 + 2 * y, 10), (24 + 2 * y, 235), (140,), 2, cv2.LINE_AA)
    inks = [contrast(page) for page in (written, ruled)]
    return np.concatenate([sieve.views(ink, find_blobs(ink)[: GOLDEN // 2]) for ink in inks])


def chance(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def main(argv: Sequence[str] | None = None) -> int:
    parser = options.parser("scripts/train sieve", __doc__, "0.4.0", "samples and the trained network")
    add = parser.add_argument
    add("--scenes", type=int, default=12000, metavar="N", help="scenes to draw, once (default: 12,000)")
    add("--photos", type=int, default=4000, metavar="N", help="parts of photographs, cut once (default: 4,000)")
    add("--epochs", type=int, default=9, metavar="N", help="(default: 9)")
    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    check = concatenate(
        make(written_scenes(args.data, held=True), CHECK, args.seed + 1000, args.work / "sieve-check.npz"),
        make(photo_scenes(held=True), CHECK // 4, args.seed + 1000, args.work / "sieve-check-photos.npz"),
    )
    samples = concatenate(
        make(written_scenes(args.data), args.scenes, args.seed, args.work / f"sieve-{args.scenes}.npz"),
        make(photo_scenes(), args.photos, args.seed, args.work / f"sieve-photos-{args.photos}.npz"),
    )
    print(f"{len(samples.y)} pieces of ink, {100 * (samples.y > 0).mean():.0f} % of them digits'", flush=True)
    model = train(samples, check, args.epochs, args.seed)
    model.save(args.work / "sieve.keras")
    networks = convert.to_tflite(model, samples.x[:: max(1, len(samples.x) // 1000)], build)
    print(f"wrote {write(args.out, args.version, networks, check)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
