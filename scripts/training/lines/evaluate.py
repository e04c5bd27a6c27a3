"""Measures a field network on pictures that it was never trained on.

Fields, strings, text lines and cheques are read with the code that finds and decodes lines in the daemon. The choose
half and the report half are printed side by side.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from edge_daemon.inference.manifest import bundled
from edge_daemon.inference.runtime import ANY
from edge_daemon.recognition.lines.field_decoder import OTHER, SCORES, LineReading
from edge_daemon.recognition.lines.field_recognizer import (
    FRAMES,
    LOOKS,
    SECOND_LOOKS,
    read_manifest,
)
from edge_daemon.tools.evaluate import calibration_gap
from scripts.evaluation.halves import HALVES
from scripts.training.lines import measured_sets
from scripts.training.lines.measured_sets import MARGINS, Item
from scripts.training.lines.reading import (
    NOTHING,
    Logits,
    SecondVoice,
    cut_looks,
    load_network,
    open_second_voice,
    read_looks,
)

THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)
"""Thresholds of confidence in the table."""

Verdict = Literal["right", "wrong", "withheld"]
"""Withheld: no number, several, one that may be incomplete, or one below the threshold."""


class Answer(NamedTuple):
    """One picture and its reading."""

    item: Item
    reading: LineReading

    def verdict(self, threshold: float) -> Verdict:
        """The verdict at a threshold of confidence."""
        (number, chance), doubt = self.reading.candidates[0], self.reading.doubt
        if not number or OTHER in number or doubt or chance < threshold:
            return "withheld"
        return "right" if number == self.item.truth else "wrong"


def read_all(
    network: Logits,
    items: Sequence[Item],
    temperature: float,
    looks: int,
    second_voice: SecondVoice,
) -> list[Answer]:
    """Reads all items; the network gets the strips of all of them at once."""
    lines = [cut_looks(item.pixels, LOOKS[:looks]) for item in items]
    strips = [strip.pixels for line in lines if line for strip in line.strips]
    logits = iter(network(np.stack(strips)) if strips else np.zeros((0, FRAMES, SCORES), np.float32))
    found = []
    for item, line in zip(items, lines, strict=True):
        if line is None:
            found.append(Answer(item, NOTHING))
            continue
        each = [next(logits) for _ in line.strips]
        second = second_voice([strip.pixels for strip in line.strips[:SECOND_LOOKS]])
        found.append(Answer(item, read_looks(line, each, second, temperature)))
    return found


def shares(found: Sequence[Answer], threshold: float) -> tuple[float, float]:
    """Right and wrong, %."""
    verdicts = [answer.verdict(threshold) for answer in found]
    right, wrong = (round(100 * verdicts.count(v) / max(1, len(verdicts)), 1) for v in ("right", "wrong"))
    return right, wrong


def report(found: dict[str, list[Answer]], thresholds: Sequence[float] = THRESHOLDS) -> list[str]:
    """Lines of a table: for each set, half and threshold the shares of right and wrong, %."""
    table = [f"{'':22}" + "".join(f"{half} {t:<12}" for half in HALVES for t in thresholds)]
    rows = dict(found)
    for name in {answer.item.kind for answer in found["fields 1.0"]}:
        rows[name] = [answer for answer in found["fields 1.0"] if answer.item.kind == name]
    for name, several in sorted(rows.items()):
        line = f"{name:18}"
        for half in HALVES:
            own = [answer for answer in several if answer.item.half == half]
            line += f" {len(own):4}" + "".join(" {:6.1f} {:5.1f}".format(*shares(own, t)) for t in thresholds)
        table.append(line)
    return [*table, right_at_all_margins(found, thresholds)]


def right_at_all_margins(found: dict[str, list[Answer]], thresholds: Sequence[float]) -> str:
    """The row of fields that are read right at each of the four margins."""
    line = f"{'right at all four':18}"
    for half in HALVES:
        each = [[a for a in found[f"fields {margin}"] if a.item.half == half] for margin in MARGINS]
        line += f" {len(each[0]):4}" + "".join(
            f" {100 * np.mean([all(a.verdict(t) == 'right' for a in four) for four in zip(*each, strict=True)]):12.1f}"
            for t in thresholds
        )
    return line


def calibration_error(found: Sequence[Answer]) -> float:
    """Expected calibration error of all numbers that are read without doubt, %."""
    read = [a for a in found if a.reading.candidates[0][0] and not a.reading.doubt]
    if not read:
        return 0.0
    confidence = np.array([a.reading.candidates[0][1] for a in read])
    right = np.array([a.reading.candidates[0][0] == a.item.truth for a in read])
    return round(100 * calibration_gap(confidence, right, bins=10), 2)


def list_errors(found: Sequence[Answer], count: int = 12) -> list[str]:
    """Up to `count` fields of the choose half that are not read right: truth, doubt, candidates."""
    errors = [a for a in found if a.verdict(0) != "right" and a.item.half == "choose"]
    return [
        f"  {a.item.kind} {a.item.name}: {a.item.truth} {a.reading.doubt}"
        + "".join(f" {number or 'nothing'} {chance:.2f}" for number, chance in a.reading.candidates)
        for a in errors[:count]
    ]


def write_json(path: Path, found: dict[str, list[Answer]]) -> None:
    """By set a row for each picture: half, kind, name, truth, candidates, doubt."""
    rows = {
        name: [
            [a.item.half, a.item.kind, a.item.name, a.item.truth, a.reading.candidates, a.reading.doubt]
            for a in several
        ]
        for name, several in found.items()
    }
    path.write_text(json.dumps(rows))


def quick(items: dict[str, list[Item]]) -> dict[str, list[Item]]:
    """Only the choose half, and a third of strings and text lines."""
    return {
        name: [i for i in several if i.half == "choose"][:: 3 if name in ("strings", "textlines") else 1]
        for name, several in items.items()
    }


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m scripts.training.lines.evaluate", description=__doc__)
    add = made.add_argument
    add("network", type=Path, help="a .tflite file, or a file of weights (.h5)")
    add("--dev", type=Path, required=True, metavar="DIR", help="folder of the measured sets")
    add("--package", default=ANY, help="runtime library of a .tflite file (default: the first that is installed)")
    add("--temperature", type=float, help="of the logits (default: the bundled network's)")
    add("--looks", type=int, default=len(LOOKS), metavar="N", help=f"looks at each line (default: {len(LOOKS)})")
    add("--quick", action="store_true", help="only the choose half, and a third of strings and text lines")
    add("--errors", type=int, default=0, metavar="N", help="list N fields of the choose half that are not read right")
    add("--json", type=Path, metavar="FILE", help="write all readings to this file")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    items = measured_sets.load_all(args.dev)
    items = quick(items) if args.quick else items
    network = load_network(args.network, args.package)
    temperature = args.temperature or read_manifest(bundled("lines")).temperature["int8"]
    second_voice = open_second_voice()
    found = {name: read_all(network, several, temperature, args.looks, second_voice) for name, several in items.items()}
    print("\n".join(report(found)))
    for half in HALVES:
        own = [a for n in ("fields 1.0", "strings", "cheques") for a in found[n] if a.item.half == half]
        if own:
            print(f"calibration error, {half}: {calibration_error(own)} %")
    if args.errors:
        print("\n".join(list_errors(found["fields 1.0"], args.errors)))
    if args.json:
        write_json(args.json, found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
