"""The nouns, one for each arrow of the path, and the seams where adapters plug in.

    Frame -> Patch -> Line -> Number -> Reading | Event -> (outbox) -> Message

Everything here is frozen. What holds pixels compares by identity (`eq=False`) and its arrays are read-only by
convention: a stage that wants to draw copies first.
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
"""Column of a classifier's scores that says: this ink is no digit. Columns 0 to 9 are the digits."""
NOT = "not"
"""How that column is called, in manifests and as a folder of crops."""
LABELS = (*DIGITS, NOT)
"""The names of all columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the camera saw at one moment."""

    seq: int
    """Counts from 0 within one run of the source; frames that were dropped leave gaps."""
    at: float
    """Wall clock, seconds since 1970 (UTC), when the frame was taken."""
    mono: float
    """Monotonic clock in seconds at the same moment; the only one that timers use."""
    pixels: Grey
    """An owned copy: the camera's buffer has been given back."""


class Status(StrEnum):
    """Why a reading is, or is not, what is written there. The spelling is the one on the wire."""

    OK = "ok"
    LOW_CONFIDENCE = "low_confidence"
    NO_DIGITS = "no_digits"
    WRONG_FORMAT = "wrong_format"
    NOT_MONOTONE = "not_monotone"
    RATE_TOO_HIGH = "rate_too_high"
    OUT_OF_RANGE = "out_of_range"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    GLARE = "glare"
    BLURRED = "blurred"
    OBSTRUCTED = "obstructed"
    CAMERA_MOVED = "camera_moved"
    STALE = "stale"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What one field looked like in one frame, turned upright."""

    field: str | None
    """The field's name, or None where the whole frame is searched."""
    frame: Frame
    pixels: Grey
    to_frame: NDArray[np.float64]
    """(3, 3) homography: patch pixels to frame pixels."""
    status: Status = Status.OK
    """Whether it can be read: what is not OK (too dark, glare, a hand in the way, ...) is never read."""


@dataclass(frozen=True, slots=True, eq=False)
class Glyph:
    """One thing that may be a digit: cut out, not normalised."""

    box: Box
    """In pixels of the patch."""
    ink: Grey
    """(h, w): 0 is paper, 255 the darkest ink; only this glyph's strokes, its neighbours blanked out."""
    chance: float = 0.5
    """That its ink is a digit's, judged by what is around it; even where nobody looked."""


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
    """For each glyph the log-likelihood of its geometry (0 = ordinary), before anyone has read it."""

    @property
    def nodes(self) -> int:
        return 1 + max((end for _, end in self.edges), default=0)

    def forwards(self) -> list[int]:
        """The glyphs in an order in which whatever ends at a node comes before whatever starts there."""
        return sorted(range(len(self.edges)), key=lambda i: self.edges[i])


Candidate = tuple[str, float]
"""A text and its confidence in 0..1."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit of a number, as read."""

    top: tuple[Candidate, ...]
    """The three likeliest digits, best first."""
    box: Box


@dataclass(frozen=True, slots=True)
class Number:
    """What ONE picture says of one number: an opinion."""

    box: Box
    candidates: tuple[Candidate, ...]
    """Up to three whole texts, best first. Calibrated: of those said with 0.9, nine in ten are right."""
    digits: tuple[Digit, ...]
    """Of the best candidate, left to right."""
    whole: float = 1.0
    """How sure it is, 0..1, that no digit right beside these belongs to it; in `candidates` that is accounted for."""

    @property
    def text(self) -> str:
        return self.candidates[0][0]

    @property
    def confidence(self) -> float:
        return self.candidates[0][1]


@dataclass(frozen=True, slots=True)
class Reading:
    """What we are prepared to SAY of one field."""

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
    """Frames that agreed, frames that were asked."""
    captured_at: float
    """When the frame was taken that this reading speaks of; seconds since 1970."""
    value_at: float | None
    """When `text` was read; a rejected reading keeps the time of the accepted one."""
    model: str
    backend: str
    gone: bool = False
    """The number has left the picture (whole-frame mode): its retained topic is to be cleared."""
    overruled: str | None = None
    """What a person said is not what is written there, though it is read; kept over restarts, and not sent."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. The spelling of `type` is the one on the wire."""

    type: str
    field: str | None
    at: float
    detail: dict[str, str | int | float | None]


Record = Reading | Event
"""What the outbox keeps."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the outbox holds it."""

    seq: int
    """Never goes back."""
    id: str
    """device/epoch/seq: how a consumer knows what it has seen."""
    synced: bool
    """The wall clock had been set when the record was put."""
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
    """How who asked knows the answer again (MQTT 5 only)."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message received."""

    topic: str
    payload: bytes
    retain: bool = False
    """It lay at the broker before we asked."""
    user: tuple[tuple[str, str], ...] = ()
    response_topic: str = ""
    correlation: bytes | None = None


class Outcome(Enum):
    """What became of a message that was handed to a sink."""

    DELIVERED = "delivered"
    KEEP = "keep"  # not now: try again later
    REFUSED = "refused"  # never: the broker will not take it


class Request(Enum):
    """Why the path was left."""

    STOP = "stop"
    RELOAD = "reload"
    RESTART = "restart"


# The seams. Each is called from one thread, never in parallel; no locks are needed.


class Source(Protocol):
    """Where frames come from."""

    def set_active(self, active: bool) -> None:
        """From the next frame on: frames at the active rate while something happens, at the idle rate while not."""

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """Frames as they come; None whenever `tick` seconds went by without one.

        Ends when there are no more (files). Closing the generator releases the camera.
        Raises CameraError when the camera is absent or has gone: it may be asked again later. CameraHangsError when
        it is there and gives nothing: only a new process helps. PictureError for a file.
        """


class Listener:
    """Something beside the path that follows what the path does. Override what you need; the rest does nothing.

    Called from the path's thread. An exception ends the daemon: a listener that can do without its disk or its
    network handles their errors itself.
    """

    __slots__ = ()

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """A field was cut out and read, and the voter has observed it. Boxes are in pixels of the patch."""

    def on_record(self, seq: int, record: Record) -> None:
        """The record went into the outbox, under this number."""

    def on_tick(self) -> None:
        """One round of the path has ended: called about once a second or more often, also without a frame."""


class Classifier(Protocol):
    """Says which digit a glyph is."""

    @property
    def name(self) -> str:
        """Name and version of the model, for example digits@1.2.0."""

    @property
    def backend(self) -> str:
        """What it runs on now: cpu or edgetpu."""

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """Probabilities, shape (len(glyphs), 11), rows summing to 1, in the order of `glyphs`.

        Columns 0 to 9 are the digits, column 10 is 'not a digit'. Calibrated. Pure.
        """
