"""Measures how well photos, fields, lines, crops and videos are read, and the causes of errors."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_daemon.errors import EdgeDaemonError
from scripts.evaluation import calibration, crops, drawn, fields, photos, sets, sheets, table, variants, video
from scripts.evaluation.grouping import progress, thin
from scripts.evaluation.peers import RapidOcr
from scripts.evaluation.sets import MARGINS, Field, Photo
from scripts.evaluation.table import Report

KEPT = Path(__file__).with_name("figures.json")
"""The accepted figures of the drawn pictures (--drawn --keep); tests/scripts/test_evaluation.py compares with them."""
MEMORY_OF = 20
"""Pictures for the measurement of memory."""
QUICK = 12
"""Photos, and pictures with fields, of each set with --quick."""
QUICK_LINES = 120
"""Lines of each set with --quick."""

Answers = dict[str, list[list[Any]]]
"""Way of reading -> for each item its answer, see as_json."""


def wanted(args: argparse.Namespace, name: str) -> bool:
    """Whether a set was asked for: photos/SET, fields/SET, lines/SET, crops, video; or all of them."""
    return not args.sets or any(name.startswith(prefix) for prefix in args.sets)


def run(args: argparse.Namespace) -> Iterator[tuple[Report, Answers]]:
    """The figures, and all answers, of each kind of set as soon as it has been measured."""
    peer = RapidOcr() if args.peers else None
    for measure in (measure_photos, measure_fields, measure_lines):
        yield measure(args, peer)
    if (args.data / "video").is_dir() and wanted(args, "video"):
        yield {"Videos: frames, %": video.figures(args.data / "video")}, {}
    if (args.data / "crops").is_dir() and wanted(args, "crops"):
        found = crops.figures(args.data / "crops", args.crops_data, progress("crops"))
        yield {"Crops: the digit network alone, %": found}, {}


def measure_photos(args: argparse.Namespace, peer: RapidOcr | None) -> tuple[Report, Answers]:
    folders = [folder for folder in sets.photo_folders(args.data) if wanted(args, f"photos/{folder.name}")]
    chosen = [photo for folder in folders for photo in thin(sets.photos(folder), QUICK if args.quick else None)]
    if not chosen:
        return {}, {}
    read = photos.command()
    ours = photos.read_all(chosen, read, progress("photos"))
    theirs = photos.read_all(chosen, peer.read, progress("photos, RapidOCR")) if peer else []
    report: Report = {
        "Photos: as `edge-daemon read` reads them, %": photos.figures(ours, theirs),
        "Photos by repository, %": photos.by_repository(ours, theirs),
        "Photos: numbers lost, and false numbers, by cause": photos.why(ours),
        "Photos: confidence": calibration.figures("photos", photos.confidences(ours)),
        "Photos: memory": [{"peak, MB": photos.peak_memory([photo.path for photo in thin(chosen, MEMORY_OF)])}],
    }
    if args.variants:
        agreement = variants.agreement(ours, read, progress("photos, slightly changed"))
        report["Photos: the same numbers when slightly changed, %"] = agreement
    if args.sheets:
        for folder in folders:
            sheets.write(args.sheets, f"photos-{folder.name}", photos.failed(ours, folder.name), (640, 480), 3)
    said = {"photos": ours, "photos, RapidOCR": theirs}
    return report, {
        way: [as_json(a.photo, a.photo.path.name, a.scored.truth, a.scored.read, a.scored.confidences) for a in several]
        for way, several in said.items()
    }


def measure_fields(args: argparse.Namespace, peer: RapidOcr | None) -> tuple[Report, Answers]:
    at = {margin: chosen_fields(args, margin) for margin in MARGINS}
    drawn_ones = at.pop(1.0)
    if not drawn_ones:
        return {}, {}
    read, exact = fields.daemon(), fields.daemon(is_exact=True)
    ways = {fields.AS_DRAWN: fields.read_all(drawn_ones, read, progress("fields"))}
    ways[fields.WITH_FORMAT] = fields.read_all(drawn_ones, exact, progress("fields, with format"))
    for margin, several in at.items():
        way = f"{fields.MARGIN} {margin:g}"
        ways[way] = fields.read_all(several, read, progress(f"fields, {way}"))
    if peer:
        ways[fields.PEER] = fields.read_all(drawn_ones, peer.recognise, progress("fields, RapidOCR"))
    report, answers = report_fields(args, "Fields", ways)
    return report | {"Fields by repository, %": fields.by_repository(ways)}, answers


def measure_lines(args: argparse.Namespace, peer: RapidOcr | None) -> tuple[Report, Answers]:
    lines = chosen_lines(args)
    if not lines:
        return {}, {}
    ways = {fields.AS_DRAWN: fields.read_all(lines, fields.daemon(), progress("lines"))}
    if peer:
        ways[fields.PEER] = fields.read_all(lines, peer.recognise, progress("lines, RapidOCR"))
    return report_fields(args, "Lines", ways)


def report_fields(args: argparse.Namespace, what: str, ways: fields.Ways) -> tuple[Report, Answers]:
    """Figures, sheets and answers of fields or lines."""
    ours = ways[fields.AS_DRAWN]
    if args.sheets:
        for name in dict.fromkeys(answer.field.set for answer in ours):
            sheets.write(args.sheets, f"{what.lower()}-{name}", fields.failed(ours, name), (300, 110), 6)
    report: Report = {
        f"{what}: as the daemon publishes them, %": fields.figures(ways),
        f"{what} by cause": fields.why(ours),
        f"{what}: confidence in the first frame": calibration.figures(what.lower(), fields.confidences(ours)),
    }
    return report, {
        f"{what.lower()}, {way}": [as_json(a.field, a.field.name, a.field.truth, a.verdict, *a.said) for a in several]
        for way, several in ways.items()
    }


def chosen_fields(args: argparse.Namespace, margin: float) -> list[Field]:
    """The fields that are drawn in photos, of some pictures with --quick."""
    chosen = []
    for folder in sets.photo_folders(args.data):
        if wanted(args, f"fields/{folder.name}"):
            several = list(sets.drawn_fields(folder, margin))
            pictures = thin(list(dict.fromkeys(id(field.picture) for field in several)), QUICK if args.quick else None)
            chosen += [field for field in several if id(field.picture) in pictures]
    return chosen


def chosen_lines(args: argparse.Namespace) -> list[Field]:
    """The pictures that are one line."""
    loaded = {path.stem: sets.lines(path) for path in sorted((args.data / "strings").glob("*.npz"))}
    cheques = args.data / "photos" / sets.CHEQUES
    if cheques.is_dir():
        loaded["cheques"] = sets.cheques(cheques)
    most = QUICK_LINES if args.quick else None
    chosen = [thin(list(lines), most) for name, lines in loaded.items() if wanted(args, f"lines/{name}")]
    return [field for several in chosen for field in several]


def as_json(item: Photo | Field, *said: Any) -> list[Any]:
    """An answer for programs: set, half, source, name, truth, and what was said."""
    return [item.set, item.half, item.source, *said]


def drawn_figures() -> dict[str, dict[str, int]]:
    """For each drawn condition: numbers written, numbers read, false numbers."""
    with tempfile.TemporaryDirectory() as folder:
        drawn.write(Path(folder))
        found, read = {}, photos.command()
        for place in sets.photo_folders(Path(folder)):
            scored = [answer.scored for answer in photos.read_all(sets.photos(place), read, lambda items: items)]
            matched, said = sum(p.matched for p in scored), sum(len(p.read) for p in scored)
            found[place.name] = {"numbers": sum(len(p.truth) for p in scored), "read": matched, "false": said - matched}
        return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/evaluate", description=__doc__)
    add = made.add_argument
    add("--data", type=Path, metavar="DIR", help="photos/SET/ with pictures and truth.json, strings/, crops/, video/")
    add(
        "--sets",
        type=lambda text: text.split(","),
        metavar="A,B",
        help="only these: photos, fields/scenes_, strings/ ...",
    )
    add("--quick", action="store_true", help="only a few pictures of each set")
    add("--variants", action="store_true", help="also read each photo slightly changed, in seven ways")
    add("--peers", action="store_true", help="also RapidOCR on the same pictures")
    add("--crops-data", type=Path, metavar="DIR", help="the training sets: held-back characters for the crop figures")
    add("--sheets", type=Path, metavar="DIR", help="write contact sheets of what was not read right there")
    add("--json", type=Path, metavar="FILE", help="write figures and all answers into this file")
    add("--drawn", action="store_true", help="only the pictures that the project draws itself; needs no --data")
    add("--keep", action="store_true", help="with --drawn: save the figures; the tests compare with them")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if args.drawn:
        found = drawn_figures()
        if args.keep:
            KEPT.write_text(json.dumps(found, indent=1) + "\n")
        print(table.table([{"condition": name, **figures} for name, figures in found.items()]))
        return 0
    if args.data is None:
        parser().error("--data DIR (or --drawn) is needed; scripts/README.md says what such a folder holds")
    report, answers = Report(), Answers()
    try:
        for figures, said in run(args):
            print(table.write(figures), end="", flush=True)
            report, answers = report | figures, answers | said
            if args.json:
                args.json.write_text(json.dumps({"figures": report, "answers": answers}, default=float))
    except (FileNotFoundError, ValueError, EdgeDaemonError) as error:
        parser().error(str(error))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
