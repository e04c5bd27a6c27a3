"""Pages with a number that the device reads, but not confidently: what a second opinion is requested for."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from edge_daemon.domain import Frame, Grey, Patch
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import open_reader
from edge_daemon.sources.simulated import handwriting

REGION = (40, 30, 240, 70)
"""Where the number is: x, y, width, height in px."""


def doubtful_pages() -> Iterator[Grey]:
    """Pages with a number in REGION that the device reads with a confidence between 0.4 and 0.75."""
    reader = open_reader(ModelOptions())
    x, y, w, h = REGION
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        canvas = np.full((240, 320), 205, np.uint8)
        text = str(rng.integers(100, 9999))
        made = handwriting.Writer(seed).number(text, 15)
        handwriting.draw(canvas, [stroke + np.array((60, 52), np.float32) for stroke in made.strokes], 2.0, 120)
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.8), np.uint8)
        part = canvas[y : y + h, x : x + w]
        numbers = reader.read(Patch("units", Frame(0, 0.0, 0.0, canvas), part, np.eye(3)))
        if len(numbers) == 1 and 0.4 < numbers[0].confidence < 0.75:
            yield canvas
