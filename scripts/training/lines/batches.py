"""Batches of composed lines of about the same length, each line degraded in a new way."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.recognition.lines.line_extent import HEIGHT, WIDTH
from scripts.training.common import ctc
from scripts.training.lines import net
from scripts.training.lines.shards import Samples

BATCH = 64
"""Lines in a batch."""
WIDTHS = (*range(48, 208, 16), 240, WIDTH)
"""Widths of batches in px: short lines need not be padded to the full width."""

INK = 90
"""Brightness of a column's brightest pixel from which the column has ink."""
TIGHT = 0.35
"""Share of lines whose paper on the left is cut off, and the same on the right: fields may end where the ink ends."""
SOFT = 0.2
"""Share of batches that are blurred."""

Batch = tuple[NDArray[np.float32], NDArray[np.int32]]


def batches(samples: Samples, rng: Generator) -> Iterator[Batch]:
    """All lines once, in a new order."""
    truth = net.targets(samples.texts)
    used = WIDTH - samples.x.any(axis=1)[:, ::-1].argmax(axis=1)
    used[~samples.x.any(axis=(1, 2))] = 1
    for which, width in ctc.by_width(used, WIDTHS, BATCH)(rng):
        yield degraded(samples.x[which, :, :width], used[which], rng), truth[which]


def ink_ends(
    x: NDArray[np.uint8], used: NDArray[np.int64], rng: Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First column and end of what is shown of each strip: all that is used, or only as far as there is ink."""
    inked = x.max(axis=1) > INK
    first, last = inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    has_ink = last - first >= 2
    has_ink &= inked.any(axis=1)
    left, right = (has_ink & (rng.random(len(x)) < TIGHT) for _ in range(2))
    ends = np.maximum(np.where(right, np.minimum(used, last + 1), used), 1)
    return np.where(left, np.minimum(first, ends - 1), 0), ends


def degraded(x: NDArray[np.uint8], used: NDArray[np.int64], rng: Generator) -> NDArray[np.float32]:
    """Strips (n, HEIGHT, width), of which `used` columns are, as (n, HEIGHT, width', 1) in 0..1.

    Each is stretched, sheared and moved a little; its contrast is changed and noise added.
    """
    n = len(x)
    starts, ends = ink_ends(x, used, rng)
    talls = HEIGHT * np.exp(rng.normal(0, 0.08, n))
    wides = np.clip((ends - starts) * np.exp(rng.normal(0, 0.09, n)), 4, WIDTH)
    room = min(WIDTH, 8 * (int(np.ceil(wides.max())) // 8 + 1))
    out = np.zeros((n, HEIGHT, room), np.uint8)
    shears = rng.normal(0, 0.08, n)
    downs = rng.normal(0, 1.2, n)
    rights = rng.uniform(0, 1, n) * np.minimum(12, np.maximum(0, room - wides)) * (starts == 0)
    for row, strip, first, end, wide, tall, shear, down, right in zip(
        out, x, starts, ends, wides, talls, shears, downs, rights, strict=True
    ):
        strip, length = strip[:, first:end], end - first
        across, high = wide / length, tall / HEIGHT
        matrix = np.array(
            [
                [across, shear, right - shear * HEIGHT / 2],
                [0.0, high, HEIGHT / 2 * (1 - high) + down],
            ]
        )
        cv2.warpAffine(strip, matrix, (room, HEIGHT), dst=row, flags=cv2.INTER_LINEAR)
    if rng.random() < SOFT:
        blur = float(rng.uniform(0.4, 1.1))
        out = np.stack([np.asarray(cv2.GaussianBlur(row, (0, 0), blur), np.uint8) for row in out])
    bent = (out * np.float32(1 / 255)) ** np.exp(rng.normal(0, 0.3, (n, 1, 1))).astype(np.float32)
    noise = rng.uniform(-0.06, 0.05, (n, 1, 1)).clip(0).astype(np.float32)
    bent += noise * rng.standard_normal(bent.shape, np.float32)
    return np.asarray(np.clip(bent, 0, 1)[..., None], np.float32)
