"""Contact sheets: pictures of what was read wrongly, each with two lines of text below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

LEGEND = 40
"""Height of the text below a picture, px."""
ROWS = 12
"""Rows of one sheet."""


class Tile(NamedTuple):
    """A picture and what is told about it."""

    picture: NDArray[np.uint8]
    """(h, w) or (h, w, 3)."""
    lines: tuple[str, str]


def write(folder: Path, name: str, tiles: Sequence[Tile], size: tuple[int, int], across: int) -> None:
    """Writes NAME-1.jpg, NAME-2.jpg ...; `size`: width and height of a picture, px; `across`: pictures in a row."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, first in enumerate(range(0, len(tiles), across * ROWS), 1):
        drawn = [draw(tile, size) for tile in tiles[first : first + across * ROWS]]
        drawn += [np.full_like(drawn[0], 255)] * (-len(drawn) % across)
        rows = [np.hstack(drawn[i : i + across]) for i in range(0, len(drawn), across)]
        cv2.imwrite(str(folder / f"{name}-{n}.jpg"), np.vstack(rows))


def draw(tile: Tile, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture as large as it can be, the lines below."""
    picture = tile.picture if tile.picture.ndim == 3 else cv2.cvtColor(tile.picture, cv2.COLOR_GRAY2BGR)
    scale = min(size[0] / picture.shape[1], size[1] / picture.shape[0])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    width, height = (max(1, round(side * scale)) for side in (picture.shape[1], picture.shape[0]))
    sheet = np.full((size[1] + LEGEND, size[0], 3), 255, np.uint8)
    sheet[:height, :width] = cv2.resize(picture, (width, height), interpolation=method)
    for i, line in enumerate(tile.lines):
        shown = line[: size[0] // 6]
        cv2.putText(sheet, shown, (4, size[1] + 15 + 18 * i), 0, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet
