"""Digits written in a row with chosen gaps, by the project's own pen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge_daemon.domain import Grey
from edge_daemon.sources.simulated.handwriting import Writer, coverage

SPACE = 120
"""Pixels of paper around what is written."""


class Page(NamedTuple):
    """A picture with digits in a row."""

    picture: Grey
    edges: list[tuple[float, float]]
    """The left and right edge of each digit."""
    tall: int

    def field(self, left: float, right: float, margin: float = 0.5) -> tuple[float, float, float, float]:
        """A region between two columns, with this margin above and below, in digit heights."""
        return left, SPACE - margin * self.tall, right - left, self.tall * (1 + 2 * margin)


def write(text: str, gaps: list[float], tall: int, seed: int) -> Page:
    """Digits with these gaps before them, in digit heights."""
    writer, strokes, edges, x = Writer(seed), [], [], float(SPACE)
    for char, gap in zip(text, gaps, strict=True):
        x += gap * tall
        if char == "-":
            strokes.append(np.array([(x, SPACE + tall / 2), (x + tall / 3, SPACE + tall / 2)], np.float32))
            edges.append((x, x + tall / 3))
            x = edges[-1][1]
            continue
        number = writer.number(char, tall)
        strokes += [stroke + np.array([x - number.boxes[0][0], SPACE], np.float32) for stroke in number.strokes]
        edges.append((x, x + number.boxes[0][2]))
        x = edges[-1][1]
    cover = coverage((2 * SPACE + tall, int(x) + SPACE), strokes, tall / 10)
    return Page(np.asarray(220 - 0.75 * cover, np.uint8), edges, tall)
