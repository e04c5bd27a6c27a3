"""Measures whole photos, read by the very functions of `edge-daemon read`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge_daemon.domain import Number
from edge_daemon.errors import PictureError
from edge_daemon.inference.options import BUNDLED
from edge_daemon.sources.image_file import load_colour
from edge_daemon.tools.annotate import annotate
from edge_daemon.tools.read import open_picture_reader, read_file
from scripts.evaluation import causes, scores
from scripts.evaluation.calibration import ReadNumber
from scripts.evaluation.grouping import ALL_SCENES, Progress, halved
from scripts.evaluation.scores import Scored
from scripts.evaluation.sets import Photo, is_repository
from scripts.evaluation.sheets import Tile
from scripts.evaluation.table import Row

Read = Callable[[Path], list[Number]]
"""Picture file -> numbers in reading order; texts of other programs may contain any characters."""


class Answer(NamedTuple):
    """One photo, read by one reader."""

    photo: Photo
    numbers: list[Number]
    scored: Scored
    cpu: float
    """Milliseconds of processor time, with decoding."""


def command() -> Read:
    """What `edge-daemon read` does, with the bundled model."""
    cv2.setNumThreads(1)
    reader = open_picture_reader(BUNDLED)

    def read(path: Path) -> list[Number]:
        [result] = read_file(str(path), reader)
        if isinstance(result, PictureError):
            raise result
        return result.numbers

    return read


def read_all(photos: Sequence[Photo], read: Read, progress: Progress) -> list[Answer]:
    """All photos read. Raises PictureError for one that cannot be read as a picture."""
    found = []
    for photo in progress(photos):
        began = time.process_time()
        numbers = read(photo.path)
        cpu = 1000 * (time.process_time() - began)
        found.append(Answer(photo, numbers, scores.score(photo.kind, photo.numbers, numbers), cpu))
    return found


def peak_memory(paths: Sequence[Path]) -> int:
    """Peak memory of `edge-daemon read` on these pictures, MB."""
    script = (
        "import resource, runpy, sys; sys.argv = ['edge-daemon', 'read', '--json', *sys.argv[1:]]\n"
        "try: runpy.run_module('edge_daemon', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, check=True, text=True)
    return round(int(run.stderr.split()[-1]) / 1000)


# Figures


def figures(answers: Sequence[Answer], peer: Sequence[Answer]) -> list[Row]:
    """By set and half; `peer` read the same photos, or is empty."""
    rows: list[Row] = []
    both = list(zip(answers, peer or answers, strict=True))
    for (name, half), pairs in halved(both, lambda pair: names_of(pair[0].photo), lambda pair: pair[0].photo.half):
        row: Row = {"set": name, "half": half, **measure([ours for ours, _ in pairs])}
        theirs = measure([other for _, other in pairs]) if peer else {}
        rows.append(row | {f"RapidOCR {column}": theirs[column] for column in PEER_COLUMNS if peer})
    return rows


PEER_COLUMNS = ("F1", "chars", "false", "false where empty", "CPU ms")


def names_of(photo: Photo) -> list[str]:
    """The sets that a photo counts for: its own, and all scenes where it is written and nothing is ambiguous."""
    is_scene = photo.set.startswith("scenes_") and photo.set != "scenes_printed" and not photo.is_ambiguous
    return [photo.set, *([ALL_SCENES] if is_scene else [])]


def measure(answers: Sequence[Answer]) -> Row:
    return {**scores.measures([a.scored for a in answers]), "CPU ms": round(float(np.mean([a.cpu for a in answers])))}


def by_repository(answers: Sequence[Answer], peer: Sequence[Answer]) -> list[Row]:
    """F1 and false numbers by repository, where one is named."""
    rows: list[Row] = []
    both = [pair for pair in zip(answers, peer or answers, strict=True) if is_repository(pair[0].photo.source)]
    for (name, half), pairs in halved(both, lambda p: [p[0].photo.source], lambda p: p[0].photo.half):
        ours, theirs = (scores.measures([pair[i].scored for pair in pairs]) for i in (0, 1))
        row: Row = {"repository": name, "half": half}
        row |= {column: ours[column] for column in ("pictures", "numbers", "F1", "false")}
        rows.append(row | ({"RapidOCR F1": theirs["F1"], "RapidOCR false": theirs["false"]} if peer else {}))
    return rows


def why(answers: Sequence[Answer]) -> list[Row]:
    """Numbers lost by each cause, and false numbers, by set and half."""
    rows: list[Row] = []
    for (name, half), some in halved(answers, lambda a: names_of(a.photo), lambda a: a.photo.half):
        found = causes.count(a.scored for a in some)
        rows.append({"set": name, "half": half, **{cause: found[cause] for cause in causes.CAUSES}})
    return rows


def confidences(answers: Sequence[Answer]) -> list[ReadNumber]:
    """The confidence of each number, and whether it is right."""
    return [
        ReadNumber(a.photo.half, confidence, right)
        for a in answers
        for confidence, right in zip(a.scored.confidences, a.scored.right, strict=True)
    ]


def failed(answers: Sequence[Answer], name: str) -> list[Tile]:
    """The photos of a set that were read wrongly, with what was read drawn in, the worst first."""
    wrong = [a for a in answers if a.photo.set == name and a.scored.read != a.scored.truth]
    wrong.sort(key=lambda a: -a.scored.edits)
    return [
        Tile(annotate(load_colour(str(a.photo.path)), a.numbers), (a.photo.path.name, explanation(a.scored)))
        for a in wrong
    ]


def explanation(scored: Scored) -> str:
    """Each error in words: its cause, what is written, what was read."""
    steps = causes.explain(scored.truth, scored.read)
    return "; ".join(f"{cause}: {'+'.join(a)} {'+'.join(b)}" for cause, a, b in steps if cause)
