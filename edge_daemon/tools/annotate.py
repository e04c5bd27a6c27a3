"""Draws the numbers that were read into their picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Number

Colour = tuple[int, int, int]
"""Blue, green and red, 0..255."""
NUMBER: Colour = (0, 160, 0)
DIGIT: Colour = (200, 120, 0)
WHITE: Colour = (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(bgr: NDArray[np.uint8], numbers: Sequence[Number]) -> NDArray[np.uint8]:
    """A copy of a picture (h, w, 3) with the box, text and confidence of each number, and the boxes of its digits.

    Boxes are in pixels of the picture. Lines and letters grow with it, and are legible from 300 to 4000 pixels.
    """
    drawn = bgr.copy()
    unit = max(bgr.shape[:2]) / 1000
    for number in numbers:
        for digit in number.digits:
            _outline(drawn, digit.box, DIGIT, max(1, round(unit)))
        _outline(drawn, number.box, NUMBER, max(1, round(2 * unit)))
    for number in numbers:  # after all boxes, so that no line runs through a label
        _label(drawn, number.box, f"{number.text} {number.confidence:.0%}", max(0.4, 0.8 * unit))
    return drawn


def _outline(picture: NDArray[np.uint8], box: Box, colour: Colour, thickness: int) -> None:
    x, y, w, h = box
    cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), colour, thickness)


def _label(picture: NDArray[np.uint8], box: Box, text: str, scale: float) -> None:
    """Write white text on a filled rectangle above the box, or below it where there is no room above."""
    thickness = max(1, round(2 * scale))
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, thickness)
    pad = max(2, round(4 * scale))
    plate_w, plate_h = width + 2 * pad, height + baseline + pad
    x, y, _, h = box
    left = max(0, min(x, picture.shape[1] - plate_w))
    top = y - plate_h if y >= plate_h else min(y + h, max(0, picture.shape[0] - plate_h))
    cv2.rectangle(picture, (left, top), (left + plate_w, top + plate_h), NUMBER, cv2.FILLED)
    cv2.putText(picture, text, (left + pad, top + pad + height), FONT, scale, WHITE, thickness, cv2.LINE_AA)
