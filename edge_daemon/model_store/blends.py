"""Pictures between the golden ones: digits melting into each other, about which a network is unsure.

A network that was spoiled a little still reads clear digits. On blends each small change of a weight shows, in
probabilities, long before one digit is read as another: where those stay as the manifest's blends sheet says, within
TOLERANCE on average, less than one crop in 200 is read otherwise (scripts/campaign fuzz-models).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.inference.normalise import SIDE, VIEWS

if TYPE_CHECKING:
    from cv2.typing import MatLike

TOLERANCE = 0.0009
"""Mean difference of probabilities. Two interpreters differ by 0.0004 on the same int8 network."""
SHARES = 128, 90
"""Of 256: what the first of two pictures has of a blend."""
_FULL = 65535


def blends(views: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each pair of golden pictures as the network sees them, (n, SIDE, SIDE, VIEWS), two pictures, alike."""
    shown = views.astype(np.uint16)
    melted = [(share * a + (256 - share) * b) >> 8 for share in SHARES for a, b in combinations(shown, 2)]
    return np.asarray(np.stack(melted), np.uint8)


def views_sheet(views: NDArray[np.uint8]) -> bytes:
    """The golden pictures as the network sees them, as a PNG: what one OpenCV makes of the ink is not to the bit what
    another makes of it, and only the network is to be tried."""
    return cv2.imencode(".png", views.transpose(3, 1, 0, 2).reshape(VIEWS * SIDE, -1))[1].tobytes()


def views(content: bytes, count: int) -> NDArray[np.uint8]:
    """A sheet of `count` of them taken apart. Raises ModelError."""
    picture = _decoded(content)
    if picture is None or picture.dtype != np.uint8 or picture.shape != (VIEWS * SIDE, count * SIDE):
        raise ModelError(f"the sheet of views does not hold {count} pictures; reinstall the model")
    return np.ascontiguousarray(picture.reshape(VIEWS, SIDE, count, SIDE).transpose(2, 1, 3, 0).astype(np.uint8))


def sheet(answers: Sequence[NDArray[np.float32]]) -> bytes:
    """What networks say of the blends, (n, 11) each, side by side as a PNG of 16 bits."""
    return cv2.imencode(".png", np.round(np.hstack(answers) * _FULL).astype(np.uint16))[1].tobytes()


def answers(content: bytes, kinds: int, count: int) -> list[NDArray[np.float32]]:
    """A blends sheet taken apart. Raises ModelError."""
    picture = _decoded(content)
    if picture is None or picture.dtype != np.uint16 or picture.ndim != 2 or picture.shape[1] % max(1, kinds):
        raise ModelError("the blends sheet is none; reinstall the model")
    if len(picture) != count:
        raise ModelError(f"the blends sheet has answers to {len(picture)} pictures, not {count}; reinstall the model")
    return [np.asarray(part, np.float32) / _FULL for part in np.split(picture, kinds, axis=1)]


def _decoded(content: bytes) -> MatLike | None:
    """The picture in a PNG, as it is; None where there is none."""
    return cv2.imdecode(np.frombuffer(content or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
