"""Compares two digit models on labelled crops, class by class, and writes a page that shows the new mistakes."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_daemon.domain import DIGITS, LABELS, Classifier, Glyph, Grey
from edge_daemon.errors import SampleError
from edge_daemon.images import data_url, encode_png
from edge_daemon.inference.digits import bundled_golden
from edge_daemon.sources.simulated.handwriting import Writer, alone
from edge_daemon.tools import evaluate
from edge_daemon.tools.evaluate import Crops

TOLERANCE = 0.005
"""Share of a standing set by which a new model may be worse; more means that it has forgotten something."""
WORST = 40
"""New mistakes of a set that the page shows at most."""
WRITERS = range(2000, 2040)
"""Seeds of the simulated writers whose digits are the standing set that needs no data."""
_SIDE = 48


@dataclass(frozen=True, slots=True, eq=False)
class Mistake:
    """A crop that the present model reads right, and the other does not."""

    ink: Grey
    truth: str
    read_as: str
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class SetComparison:
    """Two models on one set of crops."""

    set: str
    standing: bool
    """Whether no model was trained on it: what is lost here has been forgotten."""
    crops: int
    right: tuple[int, int]
    gained: int
    lost: int
    classes: dict[str, tuple[int, int, int]]
    """Label -> crops, and how many each model reads right."""
    worst: tuple[Mistake, ...]
    """New mistakes, those with the highest confidence first."""

    @property
    def change(self) -> float:
        """Change of the share that is read right, -1..1."""
        return (self.right[1] - self.right[0]) / self.crops

    @property
    def forgets(self) -> bool:
        """Whether the new model loses more than TOLERANCE."""
        return self.standing and self.change < -TOLERANCE


def compare_on(name: str, crops: Crops, present: Classifier, other: Classifier, standing: bool = True) -> SetComparison:
    """The results of both models for these crops."""
    inks, truth = crops
    glyphs = [Glyph((0, 0, ink.shape[1], ink.shape[0]), ink) for ink in inks]
    rows = [model.classify(glyphs) for model in (present, other)]
    best = rows[1].argmax(axis=1)
    before, after = rows[0].argmax(axis=1) == truth, best == truth
    lost = np.flatnonzero(before & ~after)
    lost = lost[np.argsort(-rows[1].max(axis=1)[lost], kind="stable")]
    return SetComparison(
        set=name,
        standing=standing,
        crops=len(inks),
        right=(int(before.sum()), int(after.sum())),
        gained=int((after & ~before).sum()),
        lost=len(lost),
        classes={
            label: (int(there.sum()), int(before[there].sum()), int(after[there].sum()))
            for column, label in enumerate(LABELS)
            if (there := truth == column).any()
        },
        worst=tuple(Mistake(inks[i], LABELS[truth[i]], LABELS[best[i]], float(rows[1][i].max())) for i in lost[:WORST]),
    )


def compare_on_standing_sets(present: Classifier, other: Classifier, paths: Sequence[Path] = ()) -> list[SetComparison]:
    """The results for sets that both should read: digits that the program draws, and the sets at `paths`.

    Raises PictureError where a path is not a set.
    """
    sets = [("drawn digits", drawn_crops()), *((path.name, evaluate.crops(path)) for path in paths)]
    return [compare_on(name, crops, present, other) for name, crops in sets]


def drawn_crops() -> Crops:
    """The golden pictures of the bundled model, and each digit by each of WRITERS in the shapes most people write."""
    golden, labels = bundled_golden()
    inks = [alone(Writer(seed), digit, _SIDE, 0.75) for seed in WRITERS for digit in DIGITS]
    truth = labels + [*range(len(DIGITS))] * len(WRITERS)
    return [*golden, *inks], np.array(truth, np.int64)


# Output


def as_json(found: SetComparison) -> dict[str, Any]:
    return {
        "set": found.set,
        "standing": found.standing,
        "crops": found.crops,
        "right": found.right,
        "gained": found.gained,
        "lost": found.lost,
        "change": round(found.change, 6),
        "forgets": found.forgets,
        "classes": found.classes,
    }


def as_table(found: Sequence[SetComparison]) -> str:
    """A table as text: a line for each set, and one for the classes that change in it."""
    lines = [f"{'digits of':<24} {'crops':>6} {'before':>8} {'after':>8} {'gained':>7} {'lost':>6}"]
    for g in found:
        before, after = (f"{100 * right / g.crops:.2f} %" for right in g.right)
        note = f"  more than {100 * TOLERANCE:g} % forgotten" if g.forgets else ""
        lines.append(f"{g.set[:24]:<24} {g.crops:>6} {before:>8} {after:>8} {g.gained:>7} {g.lost:>6}{note}")
        changed = [f"{label} {b}->{a} of {n}" for label, (n, b, a) in g.classes.items() if a != b]
        lines += [f"    {', '.join(changed)}"] if changed else []
    return "\n".join(lines)


def advice(found: Sequence[SetComparison]) -> list[str]:
    """Reasons not to publish the new model; empty: there are none."""
    return [
        f"of {g.set} it reads {100 * g.right[1] / g.crops:.2f} % right,"
        f" the present one {100 * g.right[0] / g.crops:.2f} %;"
        f" at most {100 * TOLERANCE:g} % less is advised"
        for g in found
        if g.forgets
    ]


def write_page(folder: Path, title: str, found: Sequence[SetComparison], more: str = "") -> Path:
    """Write the tables and the worst new mistakes as index.html, pictures included. Raises SampleError."""
    parts = [f"<h1>{html.escape(title)}</h1>", more, f"<pre>{html.escape(as_table(found))}</pre>"]
    for g in found:
        rows = "".join(
            f"<tr><th>{label}<td>{n}<td>{before}<td>{after}<td>{after - before:+d}"
            for label, (n, before, after) in g.classes.items()
        )
        parts.append(f"<h2>{html.escape(g.set)}</h2><table><tr><th>digit<th>crops<th>before<th>after<th>{rows}</table>")
        shown = "".join(
            f"<figure><img alt='{m.truth}' src='{data_url(encode_png(m.ink), 'png')}'><figcaption>{m.truth}, now read"
            f" {m.read_as} ({m.confidence:.0%})</figcaption></figure>"
            for m in g.worst
        )
        parts.append(f"<h3>New mistakes, the surest first</h3>{shown}" if shown else "<p>No new mistake.</p>")
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>SetComparison and losses</title>{_STYLE}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "index.html"
        page.write_text(head + "".join(parts))
    except OSError as error:
        raise SampleError(f"{folder}: cannot be written: {error.strerror}") from None
    return page


_STYLE = """<meta name=viewport content="width=device-width"><style>
:root { color-scheme: light dark } body { font: 16px sans-serif; max-width: 60rem; margin: auto; padding: 1rem }
pre { white-space: pre-wrap } table { border-collapse: collapse } td, th { padding: .1rem .7rem; text-align: right }
figure { display: inline-block; margin: .5rem; text-align: center } img { height: 4rem; background: #000 }
figcaption { font-size: .8rem }</style>"""
