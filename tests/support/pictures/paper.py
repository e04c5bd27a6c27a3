"""Pages for tests: numbers in the project's own handwriting, in light and shadow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Frame, Grey, Patch
from edge_daemon.sources.simulated.handwriting import Writer, draw

Written = tuple[str, Box]


def page(
    numbers: list[tuple[str, int, int]],
    *,
    height: int = 40,
    size: tuple[int, int] = (640, 480),
    seed: int = 0,
    pen: float = 3.0,
    paper: int = 210,
    ink: int = 50,
) -> Grey:
    """A sheet with each (text, x, y) written with its top left corner there. Grey, (size[1], size[0])."""
    canvas = np.full((size[1], size[0]), paper, np.uint8)
    for i, (text, x, y) in enumerate(numbers):
        written = Writer(seed + i).number(text, height)
        draw(canvas, [stroke + np.array([x, y], np.float32) for stroke in written.strokes], pen, ink)
    return canvas


def in_shadow(picture: Grey, dark: float = 0.35) -> Grey:
    """Light falling off to the right, and a hard shadow over the lower half."""
    height, width = picture.shape
    light: NDArray[np.float64] = np.linspace(1.0, 0.6, width)[None, :] * np.ones((height, 1))
    light[height // 2 :] *= 1.0 - dark
    return np.clip(picture * light, 0, 255).astype(np.uint8)


def patch(pixels: Grey) -> Patch:
    """The picture as a whole-frame patch."""
    return Patch(None, Frame(0, 0.0, 0.0, pixels), pixels, np.eye(3))


def write_page(folder: Path, *numbers: tuple[str, int, int]) -> Path:
    """Writes a page with these (text, x, y) to `folder`/page.png; returns its path."""
    path = folder / "page.png"
    cv2.imwrite(str(path), page(list(numbers), pen=4, height=60))
    return path
