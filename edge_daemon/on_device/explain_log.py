"""Keeps the last readings with the pictures they were read from, for `edge-daemon explain`.

They are files in the daemon's runtime folder, which systemd keeps in memory, and which only the daemon's user and group
can enter. Nothing of it goes over the network.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edge_daemon.domain import Box, Candidate, Digit, Event, Listener, Number, Patch, Reading, Record, Status
from edge_daemon.geometry import bounding_box, transform_box
from edge_daemon.images import encode_png, resize_by
from edge_daemon.system import atomic

log = logging.getLogger(__name__)

MAX_READINGS = 32
"""Readings that are kept; then the oldest is removed."""
LONGEST = 640
"""Pixels on the longer side to which a picture is shrunk before it is kept."""
SUFFIX = ".json"


class Explanation(msgspec.Struct, frozen=True):
    """One reading with the picture it was read from."""

    seq: int
    field: str
    status: Status
    text: str | None
    candidates: list[Candidate]
    digits: list[Digit]
    """Boxes in pixels of the picture."""
    votes: tuple[int, int]
    captured_at: float
    value_at: float | None
    seen_at: float
    """When the picture was taken: the last frame that was read."""
    seen_as: Status
    """The status of that frame: whether it could be read."""
    model: str
    backend: str
    picture: bytes
    """The patch, as PNG."""


class ReadingLog(Listener):
    """The daemon's side: writes the last readings. Called from the path's thread."""

    def __init__(self, folder: Path) -> None:
        """Continues with what is in `folder`, which is made where it is missing."""
        self._folder = folder
        self._patches: dict[str | None, Patch] = {}
        self._broken = False
        self._files: list[Path] = []
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._files = logged_files(folder)
        except OSError as error:
            self._give_up(error)

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Remember the newest patch of each field."""
        self._patches[patch.field] = patch

    def on_record(self, seq: int, record: Record) -> None:
        """Write a reading with the newest patch of its field. Events are not kept.

        A disk error is logged once and ends the log: readings matter more.
        """
        patch = self._patches.get(record.field) or self._patches.get(None)
        if self._broken or patch is None or isinstance(record, Event) or record.gone:
            return
        path = self._folder / f"{seq}{SUFFIX}"
        try:
            atomic.replace_unsynced(path, msgspec.json.encode(explanation(seq, record, patch)))
        except OSError as error:
            self._give_up(error)
            return
        self._files = [*(file for file in self._files if file != path), path]
        while len(self._files) > MAX_READINGS:
            self._files.pop(0).unlink(missing_ok=True)

    def _give_up(self, error: OSError) -> None:
        self._broken = True
        log.warning("%s: readings cannot be written there for `explain`: %s", self._folder, error.strerror)


def explanation(seq: int, reading: Reading, patch: Patch) -> Explanation:
    """A reading with its patch; of a whole frame only the number is cut out."""
    back = np.linalg.inv(patch.to_frame)
    boxes = [transform_box(digit.box, back) for digit in reading.digits]
    pixels = patch.pixels
    if patch.field is None and boxes:
        x, y, w, h = bounding_box(boxes)
        left, top = max(0, x - h), max(0, y - h)
        pixels = pixels[top : y + 2 * h, left : x + w + h]
        boxes = [(bx - left, by - top, bw, bh) for bx, by, bw, bh in boxes]
    scale = min(1.0, LONGEST / max(pixels.shape))
    if scale < 1:
        pixels = resize_by(pixels, scale)
        boxes = [scaled(box, scale) for box in boxes]
    return Explanation(
        seq=seq,
        field=reading.field,
        status=reading.status,
        text=reading.text,
        candidates=list(reading.candidates),
        digits=[Digit(digit.top, box) for digit, box in zip(reading.digits, boxes, strict=True)],
        votes=reading.votes,
        captured_at=reading.captured_at,
        value_at=reading.value_at,
        seen_at=patch.frame.at,
        seen_as=patch.status,
        model=reading.model,
        backend=reading.backend,
        picture=encode_png(pixels),
    )


def scaled(box: Box, scale: float) -> Box:
    x, y, w, h = (round(side * scale) for side in box)
    return x, y, w, h


def logged_files(folder: Path) -> list[Path]:
    """The files of readings in a folder, oldest first. Raises OSError."""
    files = [path for path in folder.iterdir() if path.suffix == SUFFIX and path.stem.isdecimal()]
    return sorted(files, key=lambda path: path.stat().st_mtime_ns)
