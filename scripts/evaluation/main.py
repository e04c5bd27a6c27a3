"""Measures how well pictures, videos and crops are read, and the causes of errors: one table."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_daemon.inference.classifier import load
from edge_daemon.inference.options import ModelOptions
from edge_daemon.tools.evaluate import calibration_gap
from scripts.evaluation import causes, drawn, readers, scores, sheets, video
from scripts.training.digits import evaluate as crops

KEPT = Path(__file__).with_name("figures.json")
"""The accepted figures of the drawn pictures (--quick --keep); tests/scripts/test_evaluation.py compares with them."""
MEMORY_OF = 12
"""Number of pictures for the measurement of memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One set, read by one reader."""

    folder: Path
    pictures: list[tuple[scores.Scored, readers.Reading]]

    def figures(self) -> dict[str, Any]:
        scored = [picture for picture, _ in self.pictures]
        return {
            **scores.measures(scored),
            "cpu ms a picture": round(1000 * float(np.mean([reading.cpu for _, reading in self.pictures])), 1),
            "causes": dict(causes.count(scored)),
        }


def photo_set(folder: Path, reader: str, most: int | None = None) -> Result:
    """Reads the pictures of a set, or about `most` of them, evenly chosen. Raises ValueError for a broken set."""
    truths = scores.truths(folder)
    names = list(truths)[:: max(1, len(truths) // most)][:most] if most else list(truths)
    found = readers.read_all(
        reader, [folder / name for name in names], progress(f"{reader}: {folder.name}", len(names))
    )
    pictures = []
    for name, reading in zip(names, found, strict=True):
        if reading is None:
            raise ValueError(f"{folder / name} is named in truth.json, but cannot be read as a picture")
        pictures.append((scores.score(name, *truths[name], reading.numbers), reading))
    return Result(folder, pictures)


def progress(what: str, of: int) -> readers.Progress:
    """Shows progress on a terminal; nothing elsewhere."""

    def show(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what} {done}/{of} ", end="\n" if done == of else "", file=sys.stderr, flush=True)

    return show


def number_calibration(results: Sequence[Result]) -> float:
    """Expected calibration error of all numbers with a confidence, over all pictures."""
    scored = [picture for result in results for picture, _ in result.pictures]
    sure = np.array([c for picture in scored for c in picture.confidences], np.float32)
    right = np.array([r for picture in scored for r in picture.right], np.bool_)
    return calibration_gap(sure, right)


def folders(root: Path) -> list[Path]:
    """Photo sets below `root`. Raises FileNotFoundError."""
    found = sorted(path.parent for path in root.glob("*/truth.json"))
    if not found:
        raise FileNotFoundError(f"{root} holds no sets: folders with pictures and a truth.json")
    return found


def run(args: argparse.Namespace) -> dict[str, Any]:
    root = args.data / "photos" if (args.data / "photos").is_dir() else args.data
    results = {folder.name: photo_set(folder, "edge-daemon") for folder in folders(root)}
    report: dict[str, Any] = {"photos": {name: result.figures() for name, result in results.items()}}
    report["calibration error of numbers"] = round(number_calibration(list(results.values())), 4)
    some = [result.folder / scored.name for result in results.values() for scored, _ in result.pictures[:MEMORY_OF]]
    report["peak memory MB"] = round(readers.peak_memory(some))
    if args.sheets:
        for name, result in results.items():
            sheets.write(args.sheets / f"{name}.jpg", result.folder, result.pictures)
    if (args.data / "video").is_dir():
        report["video"] = video.figures(args.data / "video")
    if args.crops_data and (args.data / "crops").is_dir():
        report["crops"] = crops.evaluate(load(ModelOptions(precision="int8")), args.data / "crops", args.crops_data)
    if args.peers:
        report["peers"] = peers([result.folder for result in results.values()], args.peer_pictures)
    return report


def peers(sets: Sequence[Path], most: int) -> dict[str, Any]:
    """All readers on the same pictures: figures by set and reader, CPU as a multiple of ours."""
    report: dict[str, Any] = {}
    for folder in sets:
        found = {name: photo_set(folder, name, most).figures() for name in ("edge-daemon", *readers.PEERS)}
        ours = found["edge-daemon"]["cpu ms a picture"]
        report[folder.name] = {n: f | {"cpu / ours": round(f["cpu ms a picture"] / ours, 1)} for n, f in found.items()}
    return report


def table(report: dict[str, Any]) -> str:
    """The report as a table."""
    head = f"{'':24}{'pictures':>9}{'F1':>7}{'chars':>7}{'exact':>7}{'false':>7}{'CPU ms':>8}"
    lines = [head, *(row(name, figures) for name, figures in report["photos"].items()), "", "why not:"]
    lines.append(f"{'':24}" + "".join(f"{cause:>16}" for cause in causes.CAUSES))
    for name, figures in report["photos"].items():
        lines.append(f"{name:24}" + "".join(f"{figures['causes'].get(cause, 0):16}" for cause in causes.CAUSES))
    lines.append("")
    lines.append(f"calibration error of numbers {100 * report['calibration error of numbers']:.1f} %")
    lines.append(f"peak memory {report['peak memory MB']} MB")
    for name, figures in report.get("video", {}).items():
        lines.append(
            f"{name}: all numbers in {figures['all']} of {figures['frames']} frames, alone in {figures['only']}"
        )
    lines += [f"{name:28}{100 * value:7.2f} %" for name, value in report.get("crops", {}).items()]
    for name, found in report.get("peers", {}).items():
        lines += ["", f"{name}, everybody on the same pictures:"]
        lines += [f"{row(who, figures)}  {figures['cpu / ours']:.1f}x" for who, figures in found.items()]
    return "\n".join(lines)


def row(name: str, figures: dict[str, Any]) -> str:
    def percent(key: str) -> str:
        return "-" if figures[key] is None else f"{100 * figures[key]:.1f}"

    false = figures["false numbers a picture"]
    return (
        f"{name:24}{figures['pictures']:9}{percent('f1'):>7}{percent('characters'):>7}{figures['exact']:7}"
        f"{false:7.2f}{figures['cpu ms a picture']:8.1f}"
    )


def drawn_figures() -> dict[str, dict[str, int]]:
    """For each drawn condition: numbers written, numbers read, false numbers."""
    with tempfile.TemporaryDirectory() as folder:
        drawn.write(Path(folder))
        found = {}
        for place in folders(Path(folder)):
            scored = [picture for picture, _ in photo_set(place, "edge-daemon").pictures]
            matched, read = sum(p.matched for p in scored), sum(len(p.read) for p in scored)
            found[place.name] = {"numbers": sum(len(p.truth) for p in scored), "read": matched, "false": read - matched}
        return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/evaluate", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, help="photos/SET/ with pictures and truth.json, crops/*.npz, video/; or only sets")
    add("--crops-data", type=Path, help="the training sets: held-back characters for the crop figures")
    add("--peers", action="store_true", help="also Tesseract and RapidOCR on the same pictures")
    add("--peer-pictures", type=int, default=20, help="pictures of each set for --peers (default: 20)")
    add("--sheets", type=Path, help="write contact sheets of wrongly read pictures into this folder")
    add("--quick", action="store_true", help="only the pictures that the project draws itself")
    add("--keep", action="store_true", help="with --quick: save the figures; CI compares with them")
    add("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if args.quick:
        found = drawn_figures()
        if args.keep:
            KEPT.write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps(found) if args.json else "\n".join(f"{n:16} {f}" for n, f in found.items()))
        return 0
    if args.data is None:
        parser.error("--data DIR (or --quick) is needed; models/README.md says what such a folder holds")
    try:
        report = run(args)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    print(json.dumps(report, indent=1) if args.json else table(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
