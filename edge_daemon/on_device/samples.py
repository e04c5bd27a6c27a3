"""Hard samples: crops of numbers that were hard to read, stored on this machine for labelling and training.

Never a frame, only the number and the paper right around it; never over the network. Each is one file, in the state
folder, or in memory where that cannot be written. The number of files and their bytes are limited: a crop that looks
like a stored one is not stored; the oldest are removed first, labelled ones last.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import msgspec
import numpy as np

from edge_daemon.domain import Candidate, Digit, Grey
from edge_daemon.errors import SampleError
from edge_daemon.images import decode_grey
from edge_daemon.system import atomic, folders, regular_file
from edge_daemon.system.units import Size

log = logging.getLogger(__name__)

IN_MEMORY = 1_000_000
"""Bytes of all samples, at most, if the state folder cannot be written."""
ALIKE = 10
"""Bits, of 128, by which the fingerprints of two crops of the same number may differ."""
NOISE = 8
"""Grey levels, 0..255: smaller differences between neighbours are noise."""
ACROSS = 17
"""Width in pixels of the picture that a fingerprint is made of: one more than its bits in a row."""
DOWN = 8
"""Height of that picture."""
MODE = 0o770
"""Permissions of the folder: the daemon's group may read and label."""
NEW = ".json"
"""The end of the name of every sample."""
LABELLED = ".labelled.json"
"""The end of the name of a labelled sample."""
NOTHING = ""
"""The label of a crop that is not a number."""


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """The table [samples]."""

    max_count: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 500
    """Samples that are stored, at most; 0: none."""
    max_size: Annotated[int, Size("100KB", "1000GB")] = 8_000_000
    """Bytes that they take at most."""


class Sample(msgspec.Struct, frozen=True):
    """One number that was hard to read."""

    at: float
    """When the picture was taken, seconds since 1970."""
    field: str
    why: str
    """unsure, contradicted (by other frames), rejected (it broke a rule), corrected (by a person)."""
    candidates: list[Candidate]
    """Texts of digits with their confidence, best first."""
    digits: list[Digit]
    """Boxes in pixels of the picture."""
    model: str
    picture: bytes
    """The cut-out, as PNG."""
    label: str | None = None
    """What is written there according to a person, digits only; NOTHING: not a number. None: not labelled."""

    @property
    def pixels(self) -> Grey:
        """The cut-out (h, w). Raises SampleError."""
        picture = decode_grey(self.picture)
        if picture is None:
            raise SampleError("a sample has no picture; `edge-daemon samples clear` removes all samples")
        return np.asarray(picture, np.uint8)

    def as_json(self) -> dict[str, Any]:
        """For programs, without the picture."""
        facts: dict[str, Any] = msgspec.to_builtins(self)
        del facts["picture"]
        return facts


class Samples:
    """A folder of samples. The daemon adds them, people label them; a file is always replaced as a whole."""

    def __init__(self, folder: Path, max_count: int, max_bytes: int) -> None:
        self.folder = folder
        self._max_count, self._max_bytes = max_count, max_bytes
        self.is_full = False
        """Whether the last added sample has replaced an older one."""

    def add(self, sample: Sample, pixels: Grey) -> bool:
        """Store it, unless a stored one looks alike and was read alike; whether it was stored. Raises OSError."""
        if not self._max_count:
            return False
        print_ = fingerprint(pixels)
        for path in self.paths():
            if alike(print_, path) and (twin := self._twin(path, sample)):
                if sample.label is not None and twin.label is None:
                    self.label(path.name.split(".")[0], sample.label)
                return False
        name = f"{max(0, round(sample.at * 1000)):013d}-{print_:032x}"
        _write(self.folder / (name + (NEW if sample.label is None else LABELLED)), sample)
        self._make_room()
        return True

    def _twin(self, path: Path, sample: Sample) -> Sample | None:
        """The sample at `path`, if it has the same field and best text."""
        try:
            kept = _read(path)
        except SampleError:
            return None
        same = kept.field == sample.field and _best(kept) == _best(sample)
        return kept if same else None

    def paths(self, labelled: bool | None = None) -> list[Path]:
        """The files, oldest first; `labelled`: only those with a label, or without."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder) if entry.name.endswith(NEW))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SampleError(
                f"{self.folder}: {error.strerror}. Run this as the daemon's user, or as a member of its group"
            ) from None
        return [self.folder / name for name in names if labelled is None or name.endswith(LABELLED) is labelled]

    def all(self, labelled: bool | None = None) -> Iterator[tuple[str, Sample]]:
        """Name and content of each, oldest first; damaged ones are left out."""
        for path in self.paths(labelled):
            try:
                yield path.name.split(".")[0], _read(path)
            except SampleError:
                continue

    def label(self, name: str, label: str | None) -> Sample:
        """Set the label (None: remove it). Raises SampleError if there is no such sample."""
        old = [path for path in self.paths() if path.name.split(".")[0] == name]
        if not old:
            raise SampleError(f"there is no sample {name} any more: newer ones have replaced it")
        labelled = msgspec.structs.replace(_read(old[0]), label=label)
        path = self.folder / (name + (NEW if label is None else LABELLED))
        try:
            _write(path, labelled)
            if path != old[0]:
                old[0].unlink(missing_ok=True)
        except OSError as error:
            raise SampleError(f"{path}: cannot be written: {error.strerror}. Run this as the daemon's user") from None
        return labelled

    def clear(self) -> int:
        """Remove all; returns their number. Raises SampleError."""
        paths = self.paths()
        try:
            for path in paths:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise SampleError(
                f"{self.folder}: cannot be cleared: {error.strerror}. Run this as the daemon's user"
            ) from None
        return len(paths)

    def _make_room(self) -> None:
        """Remove the oldest until the limits hold, labelled ones last."""
        order = [*self.paths(labelled=False), *self.paths(labelled=True)]
        sizes = [path.lstat().st_size for path in order]
        self.is_full = len(order) > self._max_count or sum(sizes) > self._max_bytes
        while order and (len(order) > self._max_count or sum(sizes) > self._max_bytes):
            order.pop(0).unlink(missing_ok=True)
            sizes.pop(0)


def open_samples(state: Path, runtime: Path, options: SampleOptions) -> Samples:
    """The daemon's samples: in the state folder, or in memory if that cannot be written."""
    folder, room = state / "samples", options.max_size
    try:
        _make(folder)
    except OSError:
        folder, room = runtime / "samples", min(room, IN_MEMORY)
        try:
            _make(folder)
        except OSError as error:
            log.warning("%s: hard samples cannot be stored there: %s", folder, error.strerror)
            return Samples(folder, 0, 0)
    return Samples(folder, options.max_count, room)


def find_samples(state: Path, runtimes: Sequence[Path]) -> Samples:
    """The samples of a daemon on this machine, for a person. Raises SampleError if there are none."""
    for folder in (state, *folders.state_folders(), *runtimes):
        found = Samples(folder / "samples", 0, 0)
        if found.paths():
            return found
    raise SampleError(f"there are no samples in {state / 'samples'}: nothing was hard to read")


def _make(folder: Path) -> None:
    """Make the folder. Raises OSError if it cannot be written."""
    folders.make_shared(folder, MODE)
    probe = folder / ".probe"
    atomic.replace_unsynced(probe, b"")
    probe.unlink()


def _write(path: Path, sample: Sample) -> None:
    atomic.replace_unsynced(path, msgspec.json.encode(sample), mode=0o660)


def _read(path: Path) -> Sample:
    try:
        return msgspec.json.decode(regular_file.read(path), type=Sample)
    except OSError as error:
        raise SampleError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SampleError(f"{path}: is damaged: {error}") from None


def _best(sample: Sample) -> str:
    return sample.candidates[0][0] if sample.candidates else ""


def fingerprint(pixels: Grey) -> int:
    """128 bits: whether each pixel of a small picture is brighter than its left neighbour, beyond NOISE ("dHash")."""
    small = cv2.resize(pixels, (ACROSS, DOWN), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = np.packbits(small[:, 1:] > small[:, :-1] + NOISE)
    return int.from_bytes(bits.tobytes(), "big")


def alike(print_: int, path: Path) -> bool:
    """Whether the sample in a file may show the same number; the file's name ends with the fingerprint."""
    try:
        other = int(path.name.split(".")[0].rpartition("-")[2], 16)
    except ValueError:
        return False
    return (print_ ^ other).bit_count() <= ALIKE
