"""Trains the digit network, calibrates and converts it, and writes it with a report.

With --from, an existing network learns the crops of --extra instead, in minutes and without the training sets.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT
from edge_daemon.errors import ModelError
from edge_daemon.recognition import lattice
from scripts.training.common import calibrate, convert, manifest, options, runtimes
from scripts.training.digits import dataset, finetune, net, report

VERSION = "0.4.0"
PER_EPOCH = 200_000
BATCH = 128
PATIENCE = 4
"""Epochs without a better loss on the held-out part after which training stops."""


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    if args.base:
        try:
            finetune.run(args)
        except (ModelError, ValueError) as error:
            say(str(error))
            return 1
        return 0
    work: Path = args.work
    work.mkdir(parents=True, exist_ok=True)
    say("making pictures (once; kept in the work folder)")
    parts, held_out = dataset.make(args.data, args.extra, work, args.seed, os.cpu_count() or 1)
    say(f"{sum(len(p.y) for p in parts)} pictures to train on, {len(held_out.y)} held out")
    history = train(parts, held_out, args, work)
    trained = load_best(work)
    taken = equalise_classes(trained, held_out)
    say("converting")
    sample = dataset.draw(parts, 1000, np.random.default_rng(args.seed))[0]
    networks = convert.to_tflite(trained, sample)
    logits = {kind: runtimes.logits(content, held_out.x) + taken for kind, content in networks.items()}
    temperature = {kind: calibrate.temperature(out, held_out.y) for kind, out in logits.items()}
    equality = runtimes.compare(networks, held_out.x[:: max(1, len(held_out.x) // 2000)])
    figures = {
        "epochs": len(history),
        "pictures per epoch": args.per_epoch,
        "held out": {kind: calibrate.figures(out, held_out.y, temperature[kind]) for kind, out in logits.items()},
        "runtimes": equality,
    }
    path = manifest.write(args.out, args.version or VERSION, networks, temperature, figures)
    page = report.write(work / "report", history, logits["int8"] / temperature["int8"], held_out, figures, path)
    say(f"wrote {path}; look at {page}")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = options.parser("scripts/train digits", __doc__, "", "pictures, checkpoint and report", data=False)
    add = parser.add_argument
    add("--extra", type=Path, metavar="DIR", help="your own crops: pictures in sub-folders 0 to 9 and `not`")
    add("--epochs", type=int, default=8, metavar="N", help="(default: 8)")
    add("--again", type=int, default=0, metavar="N", help="epochs of a second cycle, from half the learning rate")
    add("--per-epoch", type=int, default=PER_EPOCH, metavar="N", help=f"pictures in an epoch (default: {PER_EPOCH:,})")
    add("--from", dest="base", metavar="MANIFEST", help="continue from this model (or `bundled`), with --extra alone")
    add("--steps", type=int, default=finetune.STEPS, metavar="N", help="with --from: batches of 128 (default: 250)")
    add(
        "--rehearse",
        type=int,
        default=finetune.PICTURES,
        metavar="N",
        help="with --from: drawn pictures that prevent forgetting (default: 6,000)",
    )
    args = parser.parse_args(argv)
    if args.base and not args.extra:
        parser.error("--from needs --extra, the crops to learn")
    if not args.base and not args.data:
        parser.error("--data, the folder of the training sets, is needed; or --from, a model to continue from")
    if args.base and args.out == Path("models"):
        parser.error("--from needs --out, a folder for the new model: models/ holds the bundled one")
    return args


def train(parts: list[dataset.Part], held_out: dataset.Part, args: argparse.Namespace, work: Path) -> list[Any]:
    """Trains, or continues from the checkpoint in `work`. Returns the figures of each epoch."""
    import keras

    state, checkpoint = work / "state.json", work / "checkpoint.keras"
    recipe = {name: vars(args)[name] for name in ("epochs", "again", "per_epoch", "seed")} | {"net": net.WIDTHS}
    history: list[dict[str, float]] = []
    kept = json.loads(state.read_text()) if state.exists() else {}
    if checkpoint.exists() and kept.get("recipe") == json.loads(json.dumps(recipe)):
        history, model = kept["history"], keras.models.load_model(checkpoint)
        say(f"continuing after epoch {len(history)}")
    else:
        model = net.trainer(args.epochs * args.per_epoch // BATCH, args.seed)
    check = held_out.x, np.eye(net.CLASSES, dtype=np.float32)[held_out.y]
    while len(history) < args.epochs + args.again:
        first = args.epochs if len(history) >= args.epochs else 0
        if should_stop([h["val_loss"] for h in history[first:]]):
            break
        if len(history) == args.epochs:  # a warm restart (Loshchilov and Hutter, 2017)
            weights = model.get_weights()
            model = net.trainer(args.again * args.per_epoch // BATCH, args.seed, net.HIGHEST / 2)
            model.set_weights(weights)
        began = time.monotonic()
        x, y = dataset.draw(parts, args.per_epoch, np.random.default_rng([args.seed, len(history)]))
        targets = np.eye(net.CLASSES, dtype=np.float32)[y]
        run = model.fit(x, targets, batch_size=BATCH, validation_data=check, verbose=0).history
        history.append({name: float(values[0]) for name, values in run.items()})
        now = history[-1]
        say(
            f"epoch {len(history)}/{args.epochs + args.again}: loss {now['loss']:.4f}, held out {now['val_loss']:.4f},"
            f" right {100 * now['val_accuracy']:.2f} %, {time.monotonic() - began:.0f} s"
        )
        if now["val_loss"] == min(h["val_loss"] for h in history):
            model.save(work / "best.keras")
        model.save(checkpoint)
        state.write_text(json.dumps({"recipe": recipe, "history": history}))
    return history


def should_stop(losses: Sequence[float]) -> bool:
    """Whether the best epoch is more than PATIENCE epochs ago."""
    return len(losses) > PATIENCE and int(np.argmin(losses)) < len(losses) - PATIENCE


def load_best(work: Path) -> Any:
    """The network of the epoch with the lowest loss on the held-out part."""
    import keras

    return keras.models.load_model(work / "best.keras")


def equalise_classes(trained: Any, held_out: dataset.Part) -> NDArray[np.float32]:
    """Changes the bias of a trained network so that all classes are equally likely (Saerens et al., 2002).

    In training "no digit" is several times as common as one digit, so that the network rejects too many single crops.
    The reader, which knows where a glyph stands, applies that prior again.

    Returns the subtracted logits (11,): held-out pictures have the mixture of training and are evaluated with them.
    """
    outputs = np.asarray(trained.predict(held_out.x, batch_size=512, verbose=0), np.float32)
    taken = np.zeros(net.CLASSES, np.float32)
    taken[NOT_A_DIGIT] = calibrate.temperature(outputs, held_out.y) * math.log(lattice.NON_DIGIT_PRIOR)
    *others, bias = trained.get_weights()
    trained.set_weights([*others, bias - taken])
    return taken


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
