"""Measures second opinions: how many of the readings that the device withholds they settle, right or falsely.

Each picture of a number is read as the device reads a field that stands still: three times, as three frames of one
view, and decided by the device's own rule. Where that withholds it for low confidence, the engine reads the same
cut-out that a question carries, and the device's own rule decides again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.decision import confirmation
from edge_daemon.decision.evidence import MIN_FRAMES, Evidence
from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import main_line, merge_line, observation_of
from edge_daemon.domain import Candidate, Status
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.images import crop_number
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion.engine import LineReader
from edge_daemon.second_opinion.server import PictureReader
from scripts.training.common.logistic import fit as fit_logistic
from scripts.training.lines.measured_sets import Item, load_all
from tests.campaigns.opinion_pictures import simulated

LEADS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Probabilities from which a confirmed text is accepted, in the table and the picture."""
BUDGETS = (0.0, 0.02, 0.05, 0.1, 0.2, 1.0)
"""Questions as a share of all readings."""
ANY_NUMBER = Format("")
"""The format of a field that has none."""
OUTCOMES = ("right", "false", "withheld")
PENALTY = 1.0
"""Of the squared coefficients, in fitting."""


@dataclass(slots=True, eq=False)
class Case:
    """One picture: what the device reads, and what the engine reads in its cut-out."""

    item: Item
    evidence: Evidence
    asks: bool
    """Whether the device requests a second opinion."""
    answer: tuple[Candidate, ...] = ()
    cpu: float = 0.0
    """Seconds of processor time of the engine."""
    size: int = 0
    """Bytes of the cut-out."""

    @property
    def log_odds(self) -> float | None:
        """Of the confirmed text; None where nothing is confirmed."""
        return confirmation.log_odds(*features) if (features := self.features()) else None

    def features(self) -> tuple[float, float, float] | None:
        """Confidence of the engine, log-likelihoods of the text and its best rival by the frames."""
        return self.evidence.confirmed_by() if self.evidence.second_opinion else None

    def outcome(self, asked: bool, lead: float = confirmation.LEAD) -> str:
        """One of OUTCOMES, with or without the second opinion."""
        text = None
        if not self.asks:
            decision = self.evidence.decision(None)
            text = decision.text if decision and decision.status is Status.OK else None
        elif asked and self.evidence.second_opinion and (self.log_odds or 0) >= lead:
            text = self.evidence.second_opinion[0]
        if text is None:
            return "withheld"
        return "right" if text == self.item.truth else "false"


def read(item: Item, device: Reader, engine: PictureReader) -> Case:
    """As the device reads a field that stands still, and the engine its cut-out."""
    patch = patch_of_sample(np.ascontiguousarray(item.pixels))
    numbers = device.read(patch)
    number = merge_line(main_line(numbers)) if numbers else None
    evidence = Evidence(0.0)
    for frame in range(MIN_FRAMES):
        evidence.add(replace(observation_of(numbers, ANY_NUMBER, patch), mono=float(frame)))
    decision = evidence.decision(None)
    case = Case(item, evidence, bool(number and decision and decision.status is Status.LOW_CONFIDENCE))
    if number and case.asks:
        picture = messages.encode_picture(crop_number(item.pixels, number.box)[0])
        began = time.process_time()
        case.answer = tuple(engine.read(messages.decode_picture(picture)))
        case.cpu, case.size = time.process_time() - began, len(picture)
        evidence.add_second_opinion(case.answer, str)
    return case


def counts(cases: Sequence[Case], asked: int, lead: float = confirmation.LEAD) -> dict[str, int]:
    """How many cases have each outcome when the first `asked` withheld ones are asked about."""
    found = dict.fromkeys(OUTCOMES, 0)
    for case in cases:
        found[case.outcome(case.asks and asked > 0, lead)] += 1
        asked -= case.asks
    return found


def summary(cases: Sequence[Case]) -> dict[str, Any]:
    """The figures of one set and half."""
    asking = [case for case in cases if case.asks]
    before = counts(cases, 0)
    return {
        "readings": len(cases),
        "asked": len(asking),
        "before": before,
        "by probability": {f"{p:g}": counts(cases, len(cases), np.log(p / (1 - p))) for p in LEADS},
        "by budget": {f"{b:g}": counts(cases, int(b * len(cases))) for b in BUDGETS},
        "cpu s a question": round(float(np.mean([case.cpu for case in asking])), 3) if asking else 0.0,
        "bytes a question": round(float(np.mean([case.size for case in asking]))) if asking else 0,
    }


def fit(cases: Sequence[Case]) -> confirmation.Coefficients:
    """Coefficients of a logistic regression with a penalty, by Newton's method."""
    confirmed = [(case, features) for case in cases if (features := case.features())]
    x = np.array([confirmation.features(*features) for _, features in confirmed])
    y = np.array([case.evidence.second_opinion[0] == case.item.truth for case, _ in confirmed], np.float64)  # type: ignore[index]
    return confirmation.Coefficients(*(round(float(w), 2) for w in logistic(x, y)))


def logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights of features (n, k) for labels 0 or 1 (n,); the first feature, the bias, has no penalty."""
    penalty = np.array([1e-6, *[PENALTY] * (x.shape[1] - 1)])
    return fit_logistic(x, y, np.ones(len(y)), penalty, np.zeros(x.shape[1]))


def items(args: argparse.Namespace) -> Iterator[Item]:
    """The pictures: drawn ones, or those of --data. Raises FileNotFoundError."""
    if args.data is None:
        yield from simulated(args.count, args.seed)
        return
    found = load_all(args.data)
    for name, kind in (("fields 1.0", "fields"), ("cheques", "cheques"), ("strings", "strings")):
        yield from (item._replace(kind=kind) for item in found[name])


def measure(args: argparse.Namespace) -> tuple[list[Case], dict[str, Any]]:
    """All cases, and the figures by set and half."""
    device, engine = open_reader(ModelOptions()), LineReader()
    cases = []
    for item in items(args):
        if min(item.pixels.shape) > 1:
            cases.append(read(item, device, engine))
        if len(cases) % 200 == 0:
            print(f"{len(cases)} read", file=sys.stderr, flush=True)
    order = sorted(cases, key=lambda case: (case.item.kind, case.item.half))
    groups = groupby(order, key=lambda case: f"{case.item.kind}, {case.item.half} half")
    return cases, {name: summary(list(group)) for name, group in groups}


def table(report: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{'':24}{'readings':>9}{'asked':>7}   right / false / withheld, %, without and with   CPU s"]
    for name, row in report.items():
        pairs = [
            " / ".join(f"{100 * found[outcome] / row['readings']:5.1f}" for outcome in OUTCOMES)
            for found in (row["before"], row["by budget"]["1"])
        ]
        lines.append(
            f"{name:24}{row['readings']:9}{row['asked']:7}   {'   ->   '.join(pairs)}{row['cpu s a question']:8}"
        )
    return "\n".join(lines)


def draw(report: dict[str, Any], path: Path) -> None:
    """For each set: what is right and false, over the questions asked, and over the probability that is needed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(report), figsize=(3.4 * len(report), 6), squeeze=False)
    for column, (name, row) in enumerate(report.items()):
        for place, (key, words) in enumerate(
            (("by budget", "questions, % of readings"), ("by probability", "probability needed, %"))
        ):
            axis, falsely = axes[place][column], axes[place][column].twinx()
            at = [100 * float(value) for value in row[key]]
            if key == "by budget":
                at = [min(value, 100 * row["asked"] / row["readings"]) for value in at]
            for outcome, on, colour in (("right", axis, "#3a7d44"), ("false", falsely, "#b3261e")):
                shares = [100 * found[outcome] / row["readings"] for found in row[key].values()]
                on.plot(at, shares, "o-", color=colour, label=outcome)
                on.set_ylabel(f"{outcome}, %", color=colour)
            falsely.set_ylim(0, 10)
            axis.set_xlabel(words)
        axes[0][column].set_title(f"{name}\n{row['cpu s a question']} s of CPU a question", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/campaign opinion-curve", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="the measured sets, photos/ and strings/ (default: drawn numbers)")
    add("--count", type=int, default=200, help="number of drawn numbers (default: 200)")
    add("--seed", type=int, default=0)
    add("--fit", action="store_true", help="print the coefficients of decision/confirmation.py for the choose half")
    add("--picture", type=Path, metavar="FILE", help="draw the curves into this file (PNG)")
    add("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    try:
        cases, report = measure(args)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    if args.picture:
        draw(report, args.picture)
    print(json.dumps(report, indent=1) if args.json else table(report))
    if args.fit:
        print(fit([case for case in cases if case.item.half == "choose"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
