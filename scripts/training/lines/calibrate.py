"""Chooses the constants of the confidence on the choose half of the measured sets.

Temperature, penalty of cut symbols and weight of the second voice: those with which most numbers are read right while
MAX_WRONG of all pictures are read wrong. Fields at all margins, strings, text lines and cheques count. Slope and offset
of the confidence are then fitted to the readings.
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
from edge_daemon.recognition import field_decoder
from edge_daemon.recognition.field_decoder import OTHER, LineReading
from edge_daemon.recognition.field_recognizer import LOOKS, SECOND_LOOKS, Calibration
from scripts.training.common import logistic
from scripts.training.lines import measured_sets
from scripts.training.lines.reading import Logits, Looks, cut_looks, load_network, open_second_voice, without_signs

TEMPERATURES = (0.65, 0.8, 1.0)
"""Temperatures that are tried."""
CUT_PENALTIES = (1.0, 2.0)
"""Penalties of cut symbols that are tried."""
SHARES = (0.0, 0.2, 0.3, 0.4, 0.5)
"""Weights of the second voice that are tried."""
MAX_WRONG = 0.01
"""Share of all pictures that may be read wrong."""
NO_PENALTY = 1e-9
"""Of slope and offset: only so that they can be computed where all readings are right."""


def fit_confidence(chances: Sequence[float], right: Sequence[bool], weights: Sequence[float]) -> tuple[float, float]:
    """Slope and offset on the log odds (Platt, 1999)."""
    p = np.clip(np.array(chances), 1e-4, 1 - 1e-4)
    x = np.stack((np.log(p / (1 - p)), np.ones(len(p))), axis=1)
    found = logistic.fit(
        x, np.array(right, np.float64), np.array(weights), np.full(2, NO_PENALTY), np.array([1.0, 0.0])
    )
    return round(float(found[0]), 3), round(float(found[1]), 3)


def share_right(chances: Sequence[float], right: Sequence[bool], weights: Sequence[float], total: float) -> float:
    """The share of all pictures that is read right, at the threshold at which MAX_WRONG of them are read wrong.

    `total`: the weight of all pictures, also of those without a reading.
    """
    order = np.argsort(-np.array(chances), kind="stable")
    w, good = np.array(weights)[order] / total, np.array(right)[order]
    few_wrong = np.cumsum(w * ~good) <= MAX_WRONG
    last = len(few_wrong) if few_wrong.all() else int(np.argmin(few_wrong))
    return float((w * good)[:last].sum())


class Samples(NamedTuple):
    """The lines of the choose half, and what both networks answer."""

    truths: list[str]
    lines: list[Looks]
    logits: list[NDArray[np.float32]]
    """For each line (looks, FRAMES, SCORES)."""
    second: list[list[tuple[Candidate, ...]]]
    """For each line the candidates of the second voice."""
    weights: list[float]
    """Every set weighs the same, the four margins of fields together as much as another set."""


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
            found.weights.append((0.25 if name.startswith("fields") else 1.0) / len(cut))
    return found


def decode(samples: Samples, temperature: float, penalty: float) -> list[LineReading]:
    """The readings without the second voice."""
    return [
        field_decoder.decode_looks(
            [field_decoder.probabilities(look, temperature, penalty) for look in each], line.per_height
        )
        for each, line in zip(samples.logits, samples.lines, strict=True)
    ]


def rate(samples: Samples, first: list[LineReading], penalty: float, share: float) -> tuple[float, Calibration]:
    """The share that is read right with this weight of the second voice, and the constants with slope and offset."""
    mixed = [field_decoder.mix(r, s, share) if share else r for r, s in zip(first, samples.second, strict=True)]
    readings = [without_signs(reading) for reading in mixed]
    read = [i for i, r in enumerate(readings) if r.candidates[0][0] and not r.doubt and OTHER not in r.candidates[0][0]]
    chances = [readings[i].candidates[0][1] for i in read]
    right = [readings[i].candidates[0][0] == samples.truths[i] for i in read]
    weights = [samples.weights[i] for i in read]
    constants = Calibration(penalty, share, *fit_confidence(chances, right, weights))
    return share_right(chances, right, weights, sum(samples.weights)), constants


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.training.lines.calibrate", description=__doc__)
    add = parser.add_argument
    add("network", type=Path, help="a .tflite file, or a file of weights (.h5)")
    add("--dev", type=Path, required=True, metavar="DIR", help="folder of the measured sets")
    add("--looks", type=int, default=len(LOOKS), metavar="N", help=f"looks at each line (default: {len(LOOKS)})")
    add("--every", type=int, default=3, metavar="N", help="use every Nth of strings and text lines (default: 3)")
    args = parser.parse_args(argv)
    samples = collect(load_network(args.network), args.dev, args.looks, args.every)
    found = []
    for penalty, temperature in itertools.product(CUT_PENALTIES, TEMPERATURES):
        first = decode(samples, temperature, penalty)
        for share in SHARES:
            right, constants = rate(samples, first, penalty, share)
            found.append((right, temperature, constants))
            print(f"right {right:.4f}: temperature {temperature}, {constants}", flush=True)
    _, temperature, constants = max(found)
    print(f"best: temperature {temperature}, {constants}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
