"""A field's corners in the frame, and its upright cut-out (perspective transform)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Grey, Patch

Point = tuple[float, float]
Region = tuple[float, float, float, float] | tuple[Point, Point, Point, Point]
"""[x, y, width, height], or four corners clockwise from the top left. All numbers within 0..1: fractions of the
frame; otherwise pixels."""
Corners = NDArray[np.float32]
"""(4, 2) frame pixels: the top left, top right, bottom right, bottom left corner of the upright patch."""

SMALLEST = 8
"""Pixels on a side of the smallest cut-out: a smaller region cannot hold a number."""


def corners(region: Region, rotation: int, size: Sequence[int]) -> Corners:
    """The corners of `region` in a frame of `size` (width, height).

    The first is the one that is at the top left after a rotation by `rotation` degrees clockwise.
    """
    points = np.array(region, np.float32)
    if points.ndim == 1:
        x, y, w, h = points
        points = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
    if points.max() <= 1.0:
        points = points * np.array(size, np.float32)
    return np.roll(points, rotation // 90, axis=0).astype(np.float32)


def cut(pixels: Grey, points: Corners) -> tuple[Grey, NDArray[np.float64]]:
    """The picture between four corners, upright, and the homography (3, 3) from its pixels to the frame's.

    Each side is as long as the longer of the two opposite sides. Outside the frame its edge pixels are repeated.
    """
    sides = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    across, down = (max(SMALLEST, round(float(max(sides[i], sides[i + 2])))) for i in (0, 1))
    upright = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32)
    to_frame = cv2.getPerspectiveTransform(upright, points).astype(np.float64)
    patch = cv2.warpPerspective(
        pixels,
        to_frame,
        (across, down),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(patch, np.uint8), to_frame


def room_beside(patch: Patch, most: int) -> tuple[int, int]:
    """The columns to the left and to the right of a patch that the frame shows as well, at most `most` each."""
    height, width = patch.pixels.shape
    frame_height, frame_width = patch.frame.pixels.shape
    steps = np.arange(most + 1.0)
    rooms = []
    for columns in (-steps, width + steps):
        ends = [np.stack((columns, np.full_like(columns, y)), axis=1) for y in (0, height)]
        points = cv2.perspectiveTransform(np.stack(ends), patch.to_frame)
        inside = (points >= -0.5) & (points <= np.array([frame_width, frame_height]) + 0.5)
        outside = np.flatnonzero(~inside.all(axis=(0, 2)))
        rooms.append(int(max(0, outside[0] - 1)) if len(outside) else most)
    return rooms[0], rooms[1]


def cut_wider(patch: Patch, left: int, right: int) -> Grey:
    """The patch with this many more columns of its frame on both sides."""
    height, width = patch.pixels.shape
    wider = patch.to_frame @ np.array([[1, 0, -left], [0, 1, 0], [0, 0, 1]], np.float64)
    shown = cv2.warpPerspective(
        patch.frame.pixels,
        wider,
        (left + width + right, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(shown, np.uint8)


def bounds(points: Corners, margin: float, size: Sequence[int]) -> Box:
    """The box around four corners, `margin` px wider on each side, clipped to a frame of `size` (width, height).

    It has at least one pixel, also for a region outside the frame.
    """
    last = np.array(size) - 1
    left, top = np.clip(np.floor(points.min(axis=0) - margin).astype(int), 0, last).tolist()
    right, bottom = np.clip(np.ceil(points.max(axis=0) + margin).astype(int), [left + 1, top + 1], size).tolist()
    return left, top, right - left, bottom - top


def shorter_side(points: Corners) -> float:
    """Length of the shortest of the four sides, in pixels."""
    return float(np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1).min())
