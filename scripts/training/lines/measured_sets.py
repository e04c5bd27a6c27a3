"""Loads the pictures that the field network is measured on, each with its truth and its half (halves.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from edge_daemon.domain import Grey
from scripts.training.lines.halves import Half, half

MARGINS = (0.25, 0.5, 0.75, 1.0)
"""Widths of the margin around the digits, as multiples of the margin that a person drew."""


class Item(NamedTuple):
    """A picture of a field or of a line."""

    kind: str
    """The set."""
    half: Half
    name: str
    truth: str
    """Digits; "" where there is none."""
    pixels: Grey


def field_pictures(photos: Path, margin: float = 1.0) -> Iterator[Item]:
    """The fields of all sets scenes_*, with margins `margin` times as wide."""
    for path in sorted(photos.glob("scenes_*/fields.json")):
        truths = json.loads((path.parent / "truth.json").read_text())
        for name, several in json.loads(path.read_text()).items():
            picture = grey(path.parent / name)
            for n, field in enumerate(several):
                pixels = crop_region(picture, field, margin)
                yield Item(path.parent.name, half(truths[name]["source"]), f"{name} {n}", field["text"], pixels)


def crop_region(picture: Grey, field: dict[str, Any], margin: float) -> Grey:
    """The field's part of a picture, with its margins `margin` times as wide."""
    (x, y, w, h), (left, top, wide, tall) = field["box"], field["region"]
    x0, y0 = x + margin * (left - x), y + margin * (top - y)
    x1, y1 = x + w + margin * (left + wide - x - w), y + h + margin * (top + tall - y - h)
    return picture[max(0, round(y0)) : round(y1), max(0, round(x0)) : round(x1)]


def line_pictures(path: Path, kind: str) -> Iterator[Item]:
    """Pictures of lines; the writer decides the half. `kind` textlines: lines of text without digits."""
    with np.load(path) as kept:
        pixels, shapes = kept["pix"], kept["shape"]
        texts, writers = kept["y"].astype(str).tolist(), kept["w"].astype(str).tolist()
    ends = np.concatenate(([0], np.cumsum(shapes.prod(axis=1))))
    for i, (text, writer) in enumerate(zip(texts, writers, strict=True)):
        truth = "" if kind == "textlines" else text
        yield Item(kind, half(writer), str(i), truth, pixels[ends[i] : ends[i + 1]].reshape(shapes[i]))


def cheque_pictures(photos: Path) -> Iterator[Item]:
    """Pictures of amounts on cheques; the file name decides the half."""
    folder = photos / "orand_car_a_train2017"
    for name, facts in json.loads((folder / "truth.json").read_text()).items():
        yield Item("cheques", half(name), name, facts["digits"], grey(folder / name))


def grey(path: Path) -> Grey:
    """The picture in a file. Raises FileNotFoundError when it cannot be read."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise FileNotFoundError(path)
    return np.asarray(picture, np.uint8)


def load_all(data: Path) -> dict[str, list[Item]]:
    """By set the items: fields at each margin (`fields 0.25`), strings, textlines, cheques."""
    photos, lines = data / "photos", data / "strings"
    found = {f"fields {margin}": list(field_pictures(photos, margin)) for margin in MARGINS}
    found["strings"] = list(line_pictures(lines / "copiste_strings.npz", "strings"))
    found["textlines"] = list(line_pictures(lines / "copiste_textlines_nodigits.npz", "textlines"))
    found["cheques"] = list(cheque_pictures(photos))
    return found
