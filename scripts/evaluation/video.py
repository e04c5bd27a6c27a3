"""Evaluates videos whose frames all show the same numbers, named in the file name (indoor_2021_2019.mp4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import open_reader
from edge_daemon.tools.read import PictureResult, read_file


def figures(folder: Path) -> dict[str, Any]:
    """By file: frames, frames in which all numbers were read, and those in which nothing else was read."""
    reader = open_reader(ModelOptions())
    found = {}
    for path in sorted(folder.glob("*.mp4")):
        written = sorted(part for part in path.stem.split("_") if part.isdigit())
        frames = [
            sorted(n.text for n in a.numbers) for a in read_file(str(path), reader) if isinstance(a, PictureResult)
        ]
        found[path.name] = {
            "frames": len(frames),
            "all": sum(all(texts.count(w) >= written.count(w) for w in written) for texts in frames),
            "only": sum(texts == written for texts in frames),
        }
    return found
