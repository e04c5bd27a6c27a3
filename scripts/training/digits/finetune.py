"""Fine-tunes a model on one person's handwriting, in minutes: `scripts/train digits --from MANIFEST --extra DIR`."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT
from edge_daemon.errors import ModelError
from edge_daemon.inference.digits import find_model, read_manifest
from edge_daemon.inference.manifest import read_file
from edge_daemon.inference.network import softmax
from scripts.training.common import convert, manifest, runtimes, weights
from scripts.training.digits import dataset, net, rehearsal

STEPS, BATCH = 250, 128
OWN = 0.25
"""Share of a batch that is the person's crops; the rest are rehearsal pictures."""
RATE = 5e-4
"""Learning rate of the first step; it falls to 0 along a cosine."""
PICTURES = 6_000
"""Number of rehearsal pictures."""
COPIES = 20
"""Degraded copies of each of the person's crops."""
SMOOTHING = 0.05
"""Label smoothing, as in the full training (net.trainer)."""


@dataclass(frozen=True, slots=True, eq=False)
class BaseModel:
    """The model that is fine-tuned."""

    path: Path
    facts: dict[str, Any]
    """All keys of its manifest."""
    content: bytes
    """Of its float32 network."""
    weights: weights.Weights
    temperature: dict[str, float]


def load_base(path: str) -> BaseModel:
    """Loads the model at `path`. Raises ModelError if it has no float32 network of ours."""
    found = find_model(path)[0]
    facts = read_manifest(found)
    if "float32" not in facts.files:
        raise ModelError(f"{found} names no float32 network; only a float32 network can be fine-tuned")
    content = read_file(found.parent, facts.files["float32"])
    try:
        known = weights.read_weights(content)
    except ValueError as error:
        raise ModelError(f"{found}: {error}") from error
    return BaseModel(found, manifest.read(found), content, known, facts.temperature)


def run(args: argparse.Namespace) -> Path:
    """Fine-tunes, converts and writes the model; returns the manifest. Raises ModelError or ValueError (crops)."""
    began = time.monotonic()
    before = load_base(args.base)
    workers = os.cpu_count() or 1
    own = rehearsal.own_parts(args.extra, args.seed, workers, COPIES)
    known = rehearsal.rehearsal_parts(args.seed, workers, args.rehearse)
    say(f"{len(own[0].y)} crops of your own, {sum(len(p.y) for p in known)} pictures to rehearse with")
    model, losses = finetune(before, own, known, args.steps, args.seed)
    sample = dataset.draw([*own, *known], 1000, np.random.default_rng(args.seed))[0]
    networks = convert.to_tflite(model, sample, net.folded)
    figures = {
        "taught from": before.path.stem,
        "crops of its owner": len(own[0].y),
        "steps": args.steps,
        "loss": [round(loss, 4) for loss in losses],
        "runtimes": runtimes.compare(networks, sample),
    }
    learnt = [*before.facts["trained_on"], {"set": "extra", "from": "its owner", "holds": f"{len(own[0].y)} digits"}]
    other = {
        "trained_on": learnt,
        "strips": False,  # the line reader has not learned this handwriting and would outvote the digit network
        "contradicts": contradiction_share(before, own[0]),
    }
    version = args.version or f"{before.facts['version']}+{time.strftime('%Y%m%d.%H%M')}"
    path = manifest.write(args.out, version, networks, before.temperature, figures, other)
    say(f"wrote {path} after {time.monotonic() - began:.0f} s. To compare it with the current model:")
    say(f"  edge-daemon samples compare {path} --report report/")
    return path


def contradiction_share(before: BaseModel, own: dataset.Part) -> float:
    """The share of the person's crops that the base model reads as another digit, at most 0.2."""
    best = runtimes.logits(before.content, own.x).argmax(axis=1)
    wrong = (best != own.y) & (best != NOT_A_DIGIT)
    return round(min(0.2, float(wrong.mean())), 3)


def finetune(
    before: BaseModel, own: list[dataset.Part], known: list[dataset.Part], steps: int, seed: int
) -> tuple[Any, list[float]]:
    """The network after `steps`, and its loss in each tenth of them.

    Targets: the labels for the person's digits, the base model's own probabilities for rehearsal pictures.
    """
    import keras

    keras.utils.set_random_seed(seed)
    core = net.folded()
    core.set_weights(before.weights)
    model = keras.Sequential([keras.Input(net.PICTURE), keras.layers.Rescaling(1 / 255), core])
    rng = np.random.default_rng(seed)
    count = steps * BATCH
    x_own, y_own = dataset.draw(own, round(OWN * count), rng)
    x_known, _ = dataset.draw(known, count - round(OWN * count), rng)
    taught = np.eye(net.CLASSES, dtype=np.float32)[y_own] * (1 - SMOOTHING) + SMOOTHING / net.CLASSES
    remembered = softmax(np.asarray(model.predict(x_known, batch_size=512, verbose=0), np.float32), 1.0)
    order = rng.permutation(len(x_own) + len(x_known))
    x = np.concatenate((x_own, x_known))[order]
    y: NDArray[np.float32] = np.concatenate((taught, remembered))[order]
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(keras.optimizers.Adam(rate), keras.losses.CategoricalCrossentropy(from_logits=True))
    losses = []
    for part in np.array_split(np.arange(len(x)), 10):
        done = model.fit(x[part], y[part], batch_size=BATCH, shuffle=False, verbose=0).history
        losses.append(float(done["loss"][0]))
        say(f"{len(losses)}0 %: loss {losses[-1]:.4f}")
    return core, losses


def say(text: str) -> None:
    print(text, flush=True)
