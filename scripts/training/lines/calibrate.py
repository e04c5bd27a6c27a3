"""Chooses temperature, penalty of cut symbols and field_decoder.FUSION on the choose half of the measured sets.

For each temperature and penalty the weights are fitted by maximum likelihood. Those are best with which most numbers
are read right while MAX_WRONG of all pictures are read wrong. Fields at all margins, strings, text lines and cheques
count.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Candidate
from edge_daemon.inference.network import softmax
from edge_daemon.recognition.lines import field_decoder
from edge_daemon.recognition.lines.field_decoder import Fusion
from edge_daemon.recognition.lines.field_recognizer import LOOKS, SECOND_LOOKS
from scripts.training.common import logistic
from scripts.training.lines import measured_sets
from scripts.training.lines.reading import Logits, Looks, cut_looks, decode, load_network, open_second_voice

TEMPERATURES = (1.0, 1.3, 1.6, 2.0, 2.5)
"""Temperatures that are tried."""
CUT_PENALTIES = (1.0, 2.0)
"""Penalties of cut symbols that are tried."""
MAX_WRONG = 0.01
"""Share of all pictures that may be read wrong."""
PENALTY = 0.1
"""Of the squares of the weights: few pictures must not decide on one of them."""
SHARES = {"cheques": 0.2}
"""Weights of sets; the others, each margin of fields among them, weigh 1. Cheques are written as nothing else is."""


def share_right(chances: Sequence[float], right: Sequence[bool], weights: Sequence[float], total: float) -> float:
    """The share of all pictures that is read right, at the threshold at which MAX_WRONG of them are read wrong.

    `total`: the weight of all pictures, also of those without a reading.
    """
    order = np.argsort(-np.array(chances), kind="stable")
    w, good = np.array(weights)[order] / total, np.array(right)[order]
    few_wrong = np.cumsum(w * ~good) <= MAX_WRONG
    last = len(few_wrong) if few_wrong.all() else int(np.argmin(few_wrong))
    return float((w * good)[:last].sum())


SAMPLES = 300
"""Pictures that a set with the share 1 counts as."""


class Samples(NamedTuple):
    """The lines of the choose half, and what both networks answer."""

    truths: list[str]
    lines: list[Looks]
    logits: list[NDArray[np.float32]]
    """For each line (looks, FRAMES, SCORES)."""
    second: list[list[tuple[Candidate, ...]]]
    """For each line the candidates of the second voice."""
    weights: list[float]
    """Of each line; those of a set together are its share."""


def collect(network: Logits, folder: Path, looks: int, every: int) -> Samples:
    """Runs both networks on the choose half; of strings and text lines only on every `every`th."""
    found, second_voice = Samples([], [], [], [], []), open_second_voice()
    for name, items in measured_sets.load_all(folder).items():
        mine = [item for item in items if item.half == "choose"]
        mine = mine[::every] if name in ("strings", "textlines") else mine
        cut = [(item.truth, line) for item in mine if (line := cut_looks(item.pixels, LOOKS[:looks])) is not None]
        for truth, line in cut:
            strips = [strip.pixels for strip in line.strips]
            found.truths.append(truth)
            found.lines.append(line)
            found.logits.append(network(np.stack(strips)))
            found.second.append(second_voice(strips[:SECOND_LOOKS]))
            found.weights.append(SAMPLES * SHARES.get(name.split()[0], 1.0) / len(cut))
    return found


def rate(samples: Samples, temperature: float, penalty: float) -> tuple[float, Fusion]:
    """The share that is read right with a temperature and a penalty of cut symbols, and the weights fitted to them."""
    readings = [
        decode(line, list(logits), temperature, penalty)
        for line, logits in zip(samples.lines, samples.logits, strict=True)
    ]
    choices, numbers = [], []
    for reading, second, truth in zip(readings, samples.second, samples.truths, strict=True):
        named, rows = field_decoder.fusion_features(reading, second)
        choices.append((rows, named.index(truth) if truth in named else len(named)))
        numbers.append(named)
    both = [i for i, second in enumerate(samples.second) if second]  # hardly any other line of these sets has digits
    weights = logistic.fit_choice([choices[i] for i in both], np.array(samples.weights)[both], PENALTY)
    said = []
    for reading, named, (rows, right), weight in zip(readings, numbers, choices, samples.weights, strict=True):
        chances = softmax(rows @ weights, 1.0)[:-1]
        if named and not reading.doubt:
            said.append((float(chances.max()), int(chances.argmax()) == right, weight))
    fusion = Fusion(*(round(float(weight), 2) for weight in weights))
    said_chances, is_right, said_weights = (list(column) for column in zip(*said, strict=True))
    return share_right(said_chances, is_right, said_weights, sum(samples.weights)), fusion


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.training.lines.calibrate", description=__doc__)
    add = parser.add_argument
    add("network", type=Path, help="a .tflite file, or a file of weights (.h5)")
    add("--dev", type=Path, required=True, metavar="DIR", help="folder of the measured sets")
    add("--looks", type=int, default=len(LOOKS), metavar="N", help=f"looks at each line (default: {len(LOOKS)})")
    add("--every", type=int, default=2, metavar="N", help="use every Nth of strings and text lines (default: 2)")
    args = parser.parse_args(argv)
    samples = collect(load_network(args.network), args.dev, args.looks, args.every)
    found = []
    for penalty, temperature in itertools.product(CUT_PENALTIES, TEMPERATURES):
        right, fusion = rate(samples, temperature, penalty)
        found.append((right, temperature, penalty, fusion))
        print(f"right {right:.4f}: temperature {temperature}, penalty {penalty}, {tuple(fusion)}", flush=True)
    _, temperature, penalty, fusion = max(found)
    print(f"best: temperature {temperature}, CUT_PENALTY {penalty}, {fusion}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
