"""The nouns, one for each arrow of the path, and the interfaces that adapters implement.

    Frame -> Patch -> Line -> Number -> Reading | Event -> (outbox) -> Message

All types are frozen. Those that hold pixels compare by identity (`eq=False`), and their arrays are read-only by
convention: copy before you draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""A grey picture, shape (height, width), 0 black to 255 white."""

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels; x to the right, y down, the origin at the top left corner."""

DIGITS = "0123456789"
NOT_A_DIGIT = 10
"""Column of a classifier's scores for ink that is no digit. Columns 0 to 9 are the digits."""
NOT = "not"
"""Name of that column, in manifests and as a folder of crops."""
LABELS = (*DIGITS, NOT)
"""The names of all columns."""


def digits_of(text: str) -> str:
    """The digits of a text, without its signs."""
    return "".join(filter(str.isdigit, text))


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of the camera."""

    seq: int
    """Counts from 0 within one run of the source; dropped frames leave gaps."""
    at: float
    """Wall clock, seconds since 1970 (UTC), when the frame was taken."""
    mono: float
    """Monotonic clock in seconds at the same moment; timers use only this one."""
    pixels: Grey
    """An owned copy: the camera's buffer has been returned."""


class Status(StrEnum):
    """Whether a reading is valid, and if not, why. The spelling is the one in MQTT payloads."""

    OK = "ok"
    LOW_CONFIDENCE = "low_confidence"
    NO_DIGITS = "no_digits"
    WRONG_FORMAT = "wrong_format"
    CUT_OFF = "cut_off"
    NOT_MONOTONE = "not_monotone"
    RATE_TOO_HIGH = "rate_too_high"
    OUT_OF_RANGE = "out_of_range"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    GLARE = "glare"
    BLURRED = "blurred"
    OBSTRUCTED = "obstructed"
    CAMERA_MOVED = "camera_moved"
    UNREADABLE = "unreadable"
    STALE = "stale"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One field cut out of one frame, turned upright."""

    field: str | None
    """The field's name, or None where the whole frame is searched."""
    frame: Frame
    pixels: Grey
    to_frame: NDArray[np.float64]
    """(3, 3) homography: patch pixels to frame pixels."""
    status: Status = Status.OK
    """Whether it can be read: a patch that is not OK (too dark, glare, a hand over it, ...) is never read."""


@dataclass(frozen=True, slots=True, eq=False)
class Glyph:
    """Ink that may be one digit: cut out, not normalised."""

    box: Box
    """In pixels of the patch."""
    ink: Grey
    """(h, w): 0 is paper, 255 the darkest ink; only this glyph's strokes, its neighbours blanked out."""
    chance: float = 0.5
    """The probability that it is a digit's ink, from its surroundings; 0.5: not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of writing, as a lattice of glyph hypotheses from left to right.

    Nodes are numbered 0 (before the first glyph) to `nodes - 1` (after the last). Glyph i spans the ink
    between nodes `edges[i][0]` and `edges[i][1]`, with edges[i][0] < edges[i][1]. A line whose digits neither
    touch nor are broken has exactly one glyph between neighbouring nodes.
    """

    box: Box
    glyphs: tuple[Glyph, ...]
    edges: tuple[tuple[int, int], ...]
    priors: tuple[float, ...]
    """For each glyph the log-likelihood of its geometry (0: ordinary), before classification."""

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        return 1 + max((end for _, end in self.edges), default=0)

    def forwards(self) -> list[int]:
        """The glyphs in an order in which each comes after all that end at its first node."""
        return sorted(range(len(self.edges)), key=lambda i: self.edges[i])


Candidate = tuple[str, float]
"""A text and its confidence in 0..1."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit of a number, as read."""

    top: tuple[Candidate, ...]
    """The three most likely digits, best first."""
    box: Box


@dataclass(frozen=True, slots=True)
class Number:
    """One number as read in ONE picture."""

    box: Box
    candidates: tuple[Candidate, ...]
    """Up to three whole texts, best first; of a field up to six, because texts that differ only in their signs are one
    where its format has none. Calibrated: of those with confidence 0.9, nine in ten are right."""
    digits: tuple[Digit, ...]
    """Of the best candidate, left to right."""
    whole: float = 1.0
    """The probability, 0..1, that no digit beside these belongs to it; `candidates` account for it."""
    cut_off: bool = False
    """Whether it goes on beyond the border of its field or picture, or may do so."""
    has_signs: bool = False
    """Whether `candidates` also hold the signs before and between the digits (`-4.2`); otherwise only digits."""
    ink_before: bool = False
    """With signs: whether ink that is not a minus stands where a minus would."""

    @property
    def text(self) -> str:
        return self.candidates[0][0]

    @property
    def confidence(self) -> float:
        return self.candidates[0][1]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is published of one field: what several frames agree on."""

    field: str
    status: Status
    text: str | None
    """The last accepted text; None before the first."""
    value: int | float | None
    """The same as a number; None for fields that hold identifiers."""
    unit: str | None
    confidence: float
    candidates: tuple[Candidate, ...]
    digits: tuple[Digit, ...]
    """Boxes in pixels of the frame."""
    votes: tuple[int, int]
    """Frames that agreed, frames that were counted."""
    captured_at: float
    """When the frame of this reading was taken; seconds since 1970."""
    value_at: float | None
    """When `text` was read, seconds since 1970; a rejected reading keeps the time of the accepted one."""
    model: str
    backend: str
    gone: bool = False
    """The number has left the picture (whole-frame mode): its retained topic is cleared."""
    overruled: str | None = None
    """A text that is read there, but was corrected by a person; kept over restarts, and not sent."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. The spelling of `type` is the one in MQTT payloads."""

    type: str
    field: str | None
    at: float
    detail: dict[str, str | int | float | None]


Record = Reading | Event
"""What the outbox stores."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in the outbox."""

    seq: int
    """Number of the record; never decreases."""
    id: str
    """device/epoch/seq: with it a consumer recognises duplicates."""
    synced: bool
    """Whether the wall clock was synchronised when the record was put."""
    record: Record


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication, ready to send."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry: int | None = None
    """Seconds after which the broker may drop it (MQTT 5 only)."""
    user: tuple[tuple[str, str], ...] = ()
    """User properties, name and value (MQTT 5 only)."""
    correlation: bytes | None = None
    """Correlation data of the request that this answers (MQTT 5 only)."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message received."""

    topic: str
    payload: bytes
    retain: bool = False
    """Whether it was retained at the broker before we subscribed."""
    user: tuple[tuple[str, str], ...] = ()
    response_topic: str = ""
    correlation: bytes | None = None


class Outcome(Enum):
    """The result of sending a message."""

    DELIVERED = "delivered"
    KEEP = "keep"  # not now: it is sent again later
    REFUSED = "refused"  # for good: the broker does not accept it
    LEFT_OUT = "left out"  # not sent: the broker ended the connections at it; everything else goes on


class Request(Enum):
    """A request to leave the path."""

    STOP = "stop"
    RELOAD = "reload"
    RESTART = "restart"


# The interfaces. Each is called from one thread, never in parallel; no locks are needed.


class Source(Protocol):
    """A source of frames: a camera, files, a stream."""

    def set_active(self, active: bool) -> None:
        """Choose the rate from the next frame on: active while something changes, else idle."""

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """Frames as they come; None whenever `tick` seconds have passed without one.

        Ends when there are no more (files). Closing the generator releases the camera.
        Raises CameraError when the camera is absent or has gone: it may be opened again later. CameraHangsError when
        it gives nothing although it is there: only a new process helps. PictureError for a file.
        """


class Listener:
    """Something beside the path that follows what the path does. Override what you need; the rest does nothing.

    Called from the path's thread. An EdgeDaemonError ends the daemon, and any exception in `on_tick`: a listener that
    can do without its disk or its network handles their errors itself. Other exceptions are logged.
    """

    __slots__ = ()

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """A field was cut out and read, and the voter has observed it. Boxes are in pixels of the patch."""

    def on_record(self, seq: int, record: Record) -> None:
        """The record went into the outbox, under this number."""

    def on_tick(self) -> None:
        """One round of the path has ended: called about once a second or more often, also without a frame."""


class Classifier(Protocol):
    """Classifies glyphs: which digit each is."""

    @property
    def name(self) -> str:
        """Name and version of the model, for example digits@1.2.0."""

    @property
    def backend(self) -> str:
        """Where it runs now: cpu or edgetpu."""

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """Probabilities, shape (len(glyphs), 11), rows summing to 1, in the order of `glyphs`.

        Columns 0 to 9 are the digits, column 10 is 'not a digit'. Calibrated. Pure.
        """
