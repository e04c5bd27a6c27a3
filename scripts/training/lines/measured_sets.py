"""Loads the pictures that the field network is measured on, each with its truth and its half."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edge_daemon.domain import Grey
from scripts.evaluation import sets
from scripts.evaluation.halves import Half
from scripts.evaluation.sets import MARGINS as MARGINS


class Item(NamedTuple):
    """A picture of a field or of a line."""

    kind: str
    """The set."""
    half: Half
    name: str
    truth: str
    """Digits; "" where there is none."""
    pixels: Grey


def load_all(data: Path) -> dict[str, list[Item]]:
    """By set the items: fields of scenes_* at each margin (`fields 0.25`), strings, textlines, cheques."""
    photos, lines = data / "photos", data / "strings"
    scenes = sorted(path.parent for path in photos.glob("scenes_*/fields.json"))
    found = {f"fields {m}": [i for scene in scenes for i in items(sets.drawn_fields(scene, m))] for m in MARGINS}
    found["strings"] = items(sets.lines(lines / "copiste_strings.npz"), "strings")
    found["textlines"] = items(sets.lines(lines / "copiste_textlines_nodigits.npz"), "textlines")
    found["cheques"] = items(sets.cheques(photos / sets.CHEQUES), "cheques")
    return found


def items(fields: Iterable[sets.Field], kind: str = "") -> list[Item]:
    """The parts of the pictures that the fields show; `kind` replaces the name of the set."""
    return [Item(kind or field.set, field.half, field.name, field.truth, field.pixels) for field in fields]
