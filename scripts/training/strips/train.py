"""Trains the line reader, the network of edge_daemon/recognition/lines/line_recognizer.py.

Strips are drawn and cut once, in files that stay in the work folder. In each epoch they are moved, stretched and
degraded in a new way.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.errors import ModelError
from edge_daemon.recognition.lines.line_recognizer import HEIGHT, WIDTH
from scripts.training.common import ctc, options, pool
from scripts.training.strips import compose, export, initial_weights, net, sources

BATCH = 128
SHARD = 10_000
"""Strips in one file."""
CHECK = 4_000
"""Strips by held-back writers and fonts, for calibration and figures."""
HIGHEST = 3e-3
"""Learning rate of the first cycle."""
WIDTHS = (*range(48, 176, 16), 192, WIDTH)
"""Widths of batches in px: short lines need not be padded to the full width."""


def _strip(source: sources.Sources, seed: int, index: int) -> tuple[Grey, str]:
    return compose.compose_strip(np.random.default_rng([seed, index]), source)


def make(source: sources.Sources, first: int, count: int, seed: int, path: Path) -> None:
    """Writes strips number `first` to `first + count` of a seed to `path`, unless the file exists."""
    if path.exists():
        return
    workers = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    strip = partial(_strip, source, seed)
    made = pool.map_parallel(strip, range(first, first + count), workers, chunksize=100)
    unready = path.with_suffix(".part.npz")
    np.savez(unready, x=np.stack([x for x, _ in made]), texts=np.array([text for _, text in made]))
    unready.rename(path)


def load(paths: Sequence[Path]) -> export.Samples:
    xs, texts = [], []
    for path in paths:
        with np.load(path) as kept:
            xs.append(kept["x"])
            texts += [str(text) for text in kept["texts"]]
    return export.Samples(np.concatenate(xs), texts)


Batch = tuple[NDArray[np.float32], NDArray[np.int32]]


def batches(samples: export.Samples, rng: Generator) -> Iterator[Batch]:
    """Batches without end, in a new order in each epoch."""
    truth = net.targets(samples.texts)
    used = WIDTH - samples.x.any(axis=1)[:, ::-1].argmax(axis=1)
    epoch = ctc.by_width(used, WIDTHS, BATCH)
    while True:
        for which, width in epoch(rng):
            yield degraded(samples.x[which, :, :width], used[which], rng), truth[which]


def degraded(x: NDArray[np.uint8], used: NDArray[np.int64], rng: Generator) -> NDArray[np.float32]:
    """Strips (n, HEIGHT, width), of which `used` columns are, as (n, HEIGHT, width', 1) in 0..1.

    Each is stretched, sometimes made smaller (a box may be loose), moved; its contrast is changed and noise added.
    """
    n = len(x)
    loose = np.where(rng.random(n) < 0.6, 1, rng.uniform(0.72, 1, n))
    talls = np.round(HEIGHT * loose).astype(int)
    wides = np.maximum(1, np.ceil(used * loose * rng.uniform(0.85, 1.15, n))).astype(int)
    room = 8 * (int(wides.max()) // 8 + 2)
    moved = np.zeros((n, HEIGHT + 2, room), np.uint8)
    for row, strip, end, wide, tall in zip(moved, x, used, wides, talls, strict=True):
        small = cv2.resize(strip[:, : max(1, end)], (int(wide), int(tall)), interpolation=cv2.INTER_LINEAR)
        at, down = int(rng.integers(0, room - wide + 1)), int(rng.integers(0, HEIGHT + 3 - tall))
        row[down : down + tall, at : at + wide] = small
    bent = (moved[:, 1:-1] * np.float32(1 / 255)) ** np.exp(rng.normal(0, 0.3, (n, 1, 1))).astype(np.float32)
    noise = rng.uniform(-0.06, 0.06, (n, 1, 1)).clip(0).astype(np.float32)
    bent += noise * rng.standard_normal(bent.shape, np.float32) * (moved[:, 1:-1] > 0)
    return np.asarray(np.clip(bent, 0, 1)[..., None], np.float32)


def train(
    samples: export.Samples, check: export.Samples, known: initial_weights.Layers | None, args: argparse.Namespace
) -> Any:
    """A trained Keras model; continues where it was interrupted.

    In cycles, each with half the rate of the one before (warm restarts: Loshchilov and Hutter, 2017). With `known`
    weights the first cycle is left out.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(args.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if args.bfloat16 else "float32")
    model, steps = net.build(), args.per_epoch // BATCH
    held = check.x[..., None].astype(np.float32) / 255, net.targets(check.texts)
    if known:
        initial_weights.restore(model, known, samples.x[:: max(1, len(samples.x) // initial_weights.STRIPS)])
    shapes = (tf.TensorSpec((BATCH, HEIGHT, None, 1), tf.float32), tf.TensorSpec((BATCH, net.LONGEST), tf.int32))
    for cycle in range(args.cycles):
        weights = model.get_weights()
        model = net.build()  # a fresh one: it would take what was restored for the cycle before as its own progress
        model.set_weights(weights)
        compile_for(model, args.epochs * steps, HIGHEST / 2 ** (cycle + bool(known)))
        shown = tf.data.Dataset.from_generator(
            partial(batches, samples, np.random.default_rng(args.seed + cycle)), output_signature=shapes
        )
        state = args.work / f"strips-state-{cycle}"
        model.fit(
            shown.prefetch(4),
            epochs=args.epochs,
            steps_per_epoch=steps,
            validation_data=held,
            validation_batch_size=250,
            callbacks=[keras.callbacks.BackupAndRestore(str(state), delete_checkpoint=False)],
            verbose=2,
        )
    keras.mixed_precision.set_global_policy("float32")
    trained = net.build()
    trained.set_weights(model.get_weights())
    return trained


def compile_for(model: Any, steps: int, highest: float) -> None:
    """Compiles with a rate that rises to `highest` in a tenth of the steps, then falls along a cosine."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - steps // 10, alpha=0.005, warmup_target=highest, warmup_steps=steps // 10
    )
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-2, clipnorm=5.0), net.loss, jit_compile=False)


def main(argv: Sequence[str] | None = None) -> int:
    parser = options.parser("scripts/train strips", __doc__, "0.5.0", "strips, checkpoints and the network")
    add = parser.add_argument
    add("--count", type=int, default=300_000, metavar="N", help="strips to draw, once (default: 300,000)")
    add("--epochs", type=int, default=8, metavar="N", help="in a cycle (default: 8)")
    add("--cycles", type=int, default=2, metavar="N", help="each starts with half the rate of the last (default: 2)")
    add("--per-epoch", type=int, default=120_000, metavar="N", help="strips in an epoch (default: 120,000)")
    add("--from", dest="base", metavar="MANIFEST", help="continue from this network (or `bundled`)")
    add("--bfloat16", action="store_true", help="half precision: about 1.5 times as fast if the processor supports it")
    args = parser.parse_args(argv)
    try:
        known = initial_weights.load_layers(args.base) if args.base else None
    except ModelError as error:
        parser.error(f"--from {args.base}: {error}")
    args.work.mkdir(parents=True, exist_ok=True)
    held = args.work / "strips-check.npz"
    make(sources.sources(args.data, held=True), 0, CHECK, args.seed + 1000, held)
    shards = [args.work / f"strips-{args.seed}-{i:03}.npz" for i in range(max(1, args.count // SHARD))]
    source = sources.sources(args.data)
    for i, path in enumerate(shards):
        make(source, i * SHARD, SHARD, args.seed, path)
        print(f"{(i + 1) * SHARD} strips written", flush=True)
    samples, check = load(shards), load([held])
    model = train(samples, check, known, args)
    model.save(args.work / "strips.keras")
    sample = samples.x[:: max(1, len(samples.x) // 1000)]
    print(f"wrote {export.write(args.out, args.work / 'strips', args.version, model, sample, check)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
