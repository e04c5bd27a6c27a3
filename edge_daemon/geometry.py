"""Boxes: around several, overlapping, clipped to a picture, and mapped to another picture, alone or of a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Grey, Number


def bounding_box(boxes: Iterable[Box]) -> Box:
    """The smallest box around all boxes. At least one is needed."""
    left, top, width, height = zip(*boxes, strict=True)
    x, y = min(left), min(top)
    return (
        x,
        y,
        max(map(sum, zip(left, width, strict=True))) - x,
        max(map(sum, zip(top, height, strict=True))) - y,
    )


def overlap(a: Box, b: Box) -> bool:
    """Whether the middle of one box lies in the other."""
    return _holds_middle(a, b) or _holds_middle(b, a)


def _holds_middle(box: Box, other: Box) -> bool:
    x, y, w, h = box
    across, down = other[0] + other[2] / 2, other[1] + other[3] / 2
    return x <= across < x + w and y <= down < y + h


def clip_box(box: Box, picture: Grey) -> Box:
    """The part of a box that lies on the picture; its width or height is 0 where nothing does."""
    x, y = max(0, box[0]), max(0, box[1])
    right, bottom = min(picture.shape[1], box[0] + box[2]), min(picture.shape[0], box[1] + box[3])
    return x, y, max(0, right - x), max(0, bottom - y)


def transform_box(box: Box, to_frame: NDArray[np.float64]) -> Box:
    """The upright box around a box after the homography `to_frame`, (3, 3)."""
    x, y, w, h = box
    corners = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]]], np.float64)
    points = cv2.perspectiveTransform(corners, to_frame)[0]
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return round(left), round(top), round(right - left), round(bottom - top)


def unrotate_box(box: Box, shape: tuple[int, ...], turn: int) -> Box:
    """A box in a picture after images.rotate_left(picture, turn), as a box in the picture itself.

    `shape` is that of the picture before it was turned; `turn` is 1, 2 or 3.
    """
    x, y, w, h = box
    height, width = shape[:2]
    if turn == 1:
        return width - y - h, x, h, w
    if turn == 2:
        return width - x - w, height - y - h, w, h
    return y, height - x - w, h, w


def map_boxes(number: Number, change: Callable[[Box], Box]) -> Number:
    """The number with its box, and those of its digits, changed."""
    digits = tuple(replace(digit, box=change(digit.box)) for digit in number.digits)
    return replace(number, box=change(number.box), digits=digits)
