"""Loads the measured sets: pictures, fields and lines, each with its truth, its source and its half (halves.py).

A folder of sets holds `photos/SET/` with pictures, truth.json and perhaps fields.json, `strings/*.npz`, `crops/*.npz`
and `video/`. A picture's entry in truth.json is one of three kinds: `lines`, lists of numbers in reading order; `grid`,
rows of single digits, 0 for an empty cell, neighbours may be read as one number; `digits`, one number without its
points and commas, so that everything read counts as one number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from edge_daemon.domain import Grey
from edge_daemon.sources.image_file import load_grey
from scripts.evaluation.halves import Half, half

Kind = Literal["lines", "grid", "digits"]
MARGINS = (0.25, 0.5, 0.75, 1.0)
"""Widths of the margin around the digits, as multiples of the margin that a person drew."""
CHEQUES = "orand_car_a_train2017"
"""A set of pictures that are one field each."""


class Photo(NamedTuple):
    """A picture and the numbers in it."""

    set: str
    path: Path
    source: str
    """The repository; where none is named, the file."""
    kind: Kind
    numbers: list[str]
    """In reading order; the cells of a grid, or one number of `digits`."""
    is_ambiguous: bool
    """Nobody can say where its numbers end."""

    @property
    def half(self) -> Half:
        return half(self.source)


class Field(NamedTuple):
    """A region of a picture with one number, or with none."""

    set: str
    source: str
    name: str
    """The picture, and the number of the field in it."""
    truth: str
    """Digits; "" where there is none."""
    picture: Grey
    """The whole picture, shared by its fields."""
    region: tuple[float, float, float, float]
    """x, y, width, height within the picture, px."""

    @property
    def half(self) -> Half:
        return half(self.source)

    @property
    def pixels(self) -> Grey:
        """The field's part of the picture."""
        x, y, w, h = self.region
        return self.picture[round(y) : round(y + h), round(x) : round(x + w)]


def is_repository(source: str) -> bool:
    """Whether a source is a repository (owner/name), not a writer or a file."""
    return "/" in source


def photo_folders(root: Path) -> list[Path]:
    """Folders below `root` (or below `root`/photos) with a truth.json. Raises FileNotFoundError."""
    root = root / "photos" if (root / "photos").is_dir() else root
    found = sorted(path.parent for path in root.glob("*/truth.json"))
    if not found:
        raise FileNotFoundError(f"{root} holds no sets: folders with pictures and a truth.json")
    return found


def photos(folder: Path) -> list[Photo]:
    """The pictures of a set. Raises FileNotFoundError, or ValueError naming the picture."""
    entries: dict[str, dict[str, Any]] = json.loads((folder / "truth.json").read_text())
    found = []
    for name, entry in entries.items():
        kind, numbers = truth_of(name, entry)
        ambiguous = bool(entry.get("gaps_ambiguous"))
        found.append(Photo(folder.name, folder / name, entry.get("source") or name, kind, numbers, ambiguous))
    return found


def truth_of(name: str, entry: dict[str, Any]) -> tuple[Kind, list[str]]:
    """The kind and the numbers of an entry. Raises ValueError."""
    if "lines" in entry:
        return "lines", [run for line in entry["lines"] for text in line for run in runs(str(text))]
    if "grid" in entry:
        return "grid", [str(digit) for row in entry["grid"] for digit in row if digit]
    if "digits" in entry:
        return "digits", ["".join(runs(str(entry["digits"])))] if entry["digits"] else []
    raise ValueError(f"truth.json: {name} has neither lines nor grid nor digits")


def runs(text: str) -> list[str]:
    """The runs of digits in a text."""
    return re.findall("[0-9]+", text)


def drawn_fields(folder: Path, margin: float = 1.0) -> Iterator[Field]:
    """The fields of a set's fields.json, with margins `margin` times as wide; none where there is no such file."""
    path = folder / "fields.json"
    entries: dict[str, list[dict[str, Any]]] = json.loads(path.read_text()) if path.is_file() else {}
    sources = {photo.path.name: photo.source for photo in photos(folder)}
    for name, several in entries.items():
        picture = load_grey(str(folder / name))
        for n, entry in enumerate(several):
            region = widen(entry["box"], entry["region"], margin, picture.shape)
            yield Field(folder.name, sources[name], f"{name} {n}", entry["text"], picture, region)


def widen(
    box: Sequence[float], region: Sequence[float], margin: float, shape: Sequence[int]
) -> tuple[float, float, float, float]:
    """The region with its margin around the box `margin` times as wide, within a picture of that shape."""
    (x, y, w, h), (left, top, wide, tall) = box, region
    x0, y0 = max(0.0, x + margin * (left - x)), max(0.0, y + margin * (top - y))
    x1 = min(float(shape[1]), x + w + margin * (left + wide - x - w))
    y1 = min(float(shape[0]), y + h + margin * (top + tall - y - h))
    return x0, y0, x1 - x0, y1 - y0


def cheques(folder: Path) -> Iterator[Field]:
    """The pictures of a set that each show one number, as fields."""
    for photo in photos(folder):
        yield whole(folder.name, photo.source, photo.path.name, photo.numbers[0], load_grey(str(photo.path)))


def lines(path: Path) -> Iterator[Field]:
    """The pictures of lines in a .npz; the writer is the source. A text without digits has no truth."""
    with np.load(path) as kept:
        pixels, shapes = kept["pix"], kept["shape"]
        texts, writers = kept["y"].astype(str).tolist(), kept["w"].astype(str).tolist()
    ends = np.concatenate(([0], np.cumsum(shapes.prod(axis=1))))
    for i, (text, writer) in enumerate(zip(texts, writers, strict=True)):
        picture = pixels[ends[i] : ends[i + 1]].reshape(shapes[i])
        yield whole(path.stem, writer, str(i), text if text.isdigit() else "", picture)


def whole(name: str, source: str, item: str, truth: str, picture: Grey) -> Field:
    """A picture that is one field."""
    height, width = picture.shape
    return Field(name, source, item, truth, picture, (0.0, 0.0, float(width), float(height)))
