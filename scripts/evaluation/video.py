"""Measures videos whose frames all show the same numbers, named in the file name (indoor_2021_2019.mp4)."""

from __future__ import annotations

from pathlib import Path

from edge_daemon.inference.options import BUNDLED
from edge_daemon.tools.read import PictureResult, open_picture_reader, read_file
from scripts.evaluation.scores import percent
from scripts.evaluation.table import Row


def figures(folder: Path) -> list[Row]:
    """By file: frames, those in which all numbers were read, and those in which nothing else was read, in per cent."""
    reader = open_picture_reader(BUNDLED)
    rows: list[Row] = []
    for path in sorted(folder.glob("*.mp4")):
        written = sorted(part for part in path.stem.split("_") if part.isdigit())
        frames = [
            sorted(n.text for n in a.numbers) for a in read_file(str(path), reader) if isinstance(a, PictureResult)
        ]
        full = sum(all(texts.count(w) >= written.count(w) for w in written) for texts in frames)
        alone = sum(texts == written for texts in frames)
        shares = {"all numbers": percent(full, len(frames)), "nothing else": percent(alone, len(frames))}
        rows.append({"video": path.name, "frames": len(frames), **shares})
    return rows
