"""The golden pictures: drawn by the project, with known answers of an intact model."""

from __future__ import annotations

import cv2
import numpy as np

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.sources.simulated import handwriting

CELL = 48
"""Width and height of one golden picture in px."""
_WRITERS = (3, 11)
"""Seeds of the two writers."""


def inks() -> list[Grey]:
    """Each digit by two writers, then a plus, a cross and a scrawl: (48, 48) uint8 each, the same every time."""
    drawn = [_digit(handwriting.Writer(seed), char) for seed in _WRITERS for char in DIGITS]
    return [*drawn, _lines([(8, 24), (40, 24)], [(24, 8), (24, 40)]), _lines([(8, 8), (40, 40)], [(40, 8), (8, 40)])]


def sheet() -> bytes:
    """All of them side by side as a PNG."""
    return cv2.imencode(".png", np.hstack(inks()))[1].tobytes()


def _digit(writer: handwriting.Writer, char: str) -> Grey:
    written = writer.number(char, height=CELL * 0.7)
    _, _, width, height = written.boxes[0]
    corner = np.array([(CELL - width) / 2, (CELL - height) / 2], np.float32)
    pen = max(2.0, writer.thickness * CELL * 0.7)
    return handwriting.coverage((CELL, CELL), [stroke + corner for stroke in written.strokes], pen)


def _lines(*lines: list[tuple[int, int]]) -> Grey:
    return handwriting.coverage((CELL, CELL), [np.array(line, np.float32) for line in lines], 3.5)
