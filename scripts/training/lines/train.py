"""Trains the field network, the network of edge_daemon/recognition/lines/field_recognizer.py.

Lines are composed and cut once, in files that stay in the work folder. In each epoch they are moved, stretched and
degraded in a new way. The learning rate depends on the time that is left, not on steps: a busy machine trains less, not
longer.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.training.common import options
from scripts.training.lines import export, initial_weights, net, shards
from scripts.training.lines.batches import Batch, batches
from scripts.training.strips import initial_weights as strips_weights

HIGHEST_RATE = 3e-3
"""Learning rate after the warm-up."""
WARM_UP = 150
"""Steps in which the learning rate rises."""
SMOOTHING = 0.995
"""Factor of the moving average of the weights, for each step."""
EPOCH = 300
"""Steps after which the state is saved, the held-back lines are read, and new files are looked for."""
CHECK = 1_500
"""Held-back lines that are read after each epoch."""
QUEUE = 6
"""Batches that are made ahead."""


def learning_rate(step: int, share: float, highest: float) -> float:
    """The rate at a step, with this share (0..1) of the time gone: it rises linearly, then falls along a cosine."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return highest * max(0.004, fall) * min(1.0, (step + 1) / WARM_UP)


def endless_batches(work: Path, seed: int) -> Iterator[Batch]:
    """Batches without end, made by a thread; each epoch uses the files that are complete by then."""
    made: queue.Queue[Batch] = queue.Queue(QUEUE)

    def fill() -> None:
        rng, known, samples = np.random.default_rng([seed, int(time.time())]), 0, None
        while True:
            paths = shards.complete_shards(work)
            if samples is None or len(paths) != known:
                samples, known = shards.load(paths), len(paths)
            for batch in batches(samples, rng):
                made.put(batch)
                if len(shards.complete_shards(work)) > 1.25 * known:
                    break

    threading.Thread(target=fill, daemon=True).start()
    while True:
        yield made.get()


class Trainer:
    """Network, optimiser and moving average of the weights; they are saved in the work folder and restored from it."""

    def __init__(self, args: argparse.Namespace) -> None:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(args.seed)
        self._policy = "mixed_bfloat16" if args.bfloat16 else "float32"
        keras.mixed_precision.set_global_policy(self._policy)
        self.args, self.model = args, net.build()
        self._state = export.state_path(args.work)
        for layer in net.first_layers(self.model, args.frozen):
            layer.trainable = False
        self.optimizer = keras.optimizers.AdamW(HIGHEST_RATE, weight_decay=0.02, clipnorm=5.0)
        self.optimizer.build(self.model.trainable_variables)
        self.mean = [tf.Variable(v, trainable=False) for v in self.model.trainable_variables]
        self.step, self.seconds = 0, 0.0
        self.log: list[dict[str, float]] = []
        self.earlier: list[dict[str, float]] = []
        if self._state.exists():
            self._restore()
        elif args.base:
            self._start(args.base)
        self.learn = self._make_learn()

    def _start(self, base: str) -> None:
        import tensorflow as tf

        if base == "strips":
            lines = shards.load(shards.complete_shards(self.args.work)[:1]).x
            initial_weights.widen(self.model, strips_weights.load_layers("bundled"), lines)
        else:
            self.model.load_weights(base)
            self.earlier = export.runs(Path(base).parent)
        for mean, variable in zip(self.mean, self.model.trainable_variables, strict=True):
            mean.assign(tf.cast(variable, mean.dtype))

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables, *self.mean]

    def _restore(self) -> None:
        import tensorflow as tf

        facts = json.loads(self._state.read_text())
        self.step, self.seconds, self.log = facts["step"], facts["seconds"], facts["log"]
        self.earlier = facts.get("earlier", [])
        with np.load(self._state.with_suffix(".npz")) as kept:
            for i, variable in enumerate(self._variables()):
                variable.assign(tf.cast(kept[f"{i}"], variable.dtype))

    def _make_learn(self) -> Any:
        import tensorflow as tf

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def learn(x: Any, truth: Any) -> Any:
            """One step; returns its loss."""
            with tf.GradientTape() as tape:
                logits = self.model(x, training=True)
                loss = tf.reduce_mean(net.loss(truth, logits))
                total = loss + net.range_loss(logits)
            weights = self.model.trainable_variables
            self.optimizer.apply(tape.gradient(total, weights), weights)
            for mean, weight in zip(self.mean, weights, strict=True):
                mean.assign_add((1 - SMOOTHING) * (tf.cast(weight, mean.dtype) - mean))
            return loss

        return learn

    def averaged(self) -> Any:
        """A float32 network with the mean weights."""
        import keras

        keras.mixed_precision.set_global_policy("float32")
        made = net.build()
        keras.mixed_precision.set_global_policy(self._policy)
        made.set_weights(self.model.get_weights())
        own = [i for i, layer in enumerate(self.model.layers) for _ in layer.trainable_variables]
        own_made = [variable for i in dict.fromkeys(own) for variable in made.layers[i].trainable_variables]
        for mean, weight in zip(self.mean, own_made, strict=True):
            weight.assign(mean)
        return made

    def save(self) -> None:
        """Writes state and weights into the work folder."""
        rows = {f"{i}": np.asarray(variable).astype(np.float32) for i, variable in enumerate(self._variables())}
        unready = self._state.with_suffix(".part.npz")
        np.savez(unready, **rows)
        unready.rename(self._state.with_suffix(".npz"))
        facts = {
            "step": self.step,
            "seconds": self.seconds,
            "seed": self.args.seed,
            "frozen": self.args.frozen,
            "earlier": self.earlier,
            "log": self.log,
        }
        self._state.write_text(json.dumps(facts))
        self.averaged().save_weights(export.weights_path(self.args.work))


def held_back_loss(model: Any, check: shards.Samples) -> float:
    """The mean loss of the held-back lines."""
    truth, total = net.targets(check.texts), 0.0
    for i in range(0, len(check.x), 250):
        logits = model(check.x[i : i + 250, ..., None].astype(np.float32) / 255, training=False)
        total += float(np.asarray(net.loss(truth[i : i + 250], logits)).sum())
    return total / len(check.x)


def train(args: argparse.Namespace) -> None:
    """Trains for `args.minutes` in all; continues where it was interrupted."""
    import keras

    trainer = Trainer(args)
    check = shards.load_held_back(args.work, CHECK)
    made = endless_batches(args.work, args.seed + trainer.step)
    losses: list[Any] = []
    before = time.monotonic()
    while trainer.seconds < 60 * args.minutes:
        rate = learning_rate(trainer.step, trainer.seconds / 60 / args.minutes, args.highest)
        trainer.optimizer.learning_rate.assign(rate)
        losses.append(trainer.learn(*next(made)))
        trainer.step += 1
        now = time.monotonic()
        trainer.seconds, before = trainer.seconds + now - before, now
        if trainer.step % EPOCH == 0 or trainer.seconds >= 60 * args.minutes:
            row = {
                "step": trainer.step,
                "minutes": round(trainer.seconds / 60, 1),
                "loss": round(float(np.mean([float(v) for v in losses])), 3),
                "held_back_loss": round(held_back_loss(trainer.averaged(), check), 3),
            }
            trainer.log.append(row)
            trainer.save()
            print(json.dumps(row), flush=True)
            losses = []
    keras.mixed_precision.set_global_policy("float32")


def main(argv: Sequence[str] | None = None) -> int:
    parser = options.parser("scripts/train lines", __doc__, export.VERSION, "lines, state and weights")
    add = parser.add_argument
    add("--count", type=int, default=shards.COUNT, metavar="N", help=f"lines to compose, once ({shards.COUNT:,})")
    add("--minutes", type=float, default=100, help="of training, interruptions not counted (default: 100)")
    add("--highest", type=float, default=HIGHEST_RATE, metavar="RATE", help="learning rate after the warm-up (0.003)")
    add(
        "--from",
        dest="base",
        metavar="WEIGHTS",
        help="start with these weights (.h5), or with `strips`, the bundled strip network, made wider",
    )
    add("--frozen", type=int, default=0, metavar="N", help="do not train the first N convolutions; 2 halve the time")
    add("--bfloat16", action="store_true", help="half precision: about 1.5 times as fast if the processor supports it")
    add("--temperature", type=float, help="of the logits (default: the best on held-back lines)")
    args = parser.parse_args(argv)
    shards.compose_all(args.data, args.work, args.count, args.seed)
    train(args)
    print(f"wrote {export.write(args.out, args.work, args.version, args.temperature)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
