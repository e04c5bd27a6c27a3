"""Scenarios as tables: what is written from which second on, and what must be published, when.

The clock is the table's: five frames a second, no waiting. At the opinion level a fake reader says what the table says;
at the pixel level the table is written on the simulated camera's paper and the daemon's own stages read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np

from edge_daemon.app import read_frame
from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Event, Frame, Grey, Number, Patch, Reading, Record, Status
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.sources.simulated.handwriting import Writer
from edge_daemon.sources.simulated.scene import Pen, Scene

FPS = 5.0
EPOCH = 1_790_000_000.0
REGION = (20.0, 30.0, 280.0, 90.0)
SIZE = (320, 160)

Words = str | Status | Sequence[tuple[str, float]] | dict[str, str]
"""The content of one frame: a text (with confidence 0.95), "" for no digits, a status of the quality gate, or
candidates. By field if there are several."""


@dataclass(frozen=True)
class Scenario:
    """One table. `keys` configure the field; `said` is what is published: "second: status text" or "second: event"."""

    name: str
    rows: Sequence[tuple[float, Words]]
    until: float
    said: Sequence[str]
    keys: Mapping[str, object] = field(default_factory=dict)
    still: bool = False
    """All frames of a row have the same pixels: one view. Otherwise each frame is a view of its own."""
    fields: Sequence[str] = ("units",)
    perturbed: Callable[[str], str] | None = None
    """The text that is read from perturbed views; None: the same text."""


def numbers(words: Words) -> list[Number]:
    candidates = ((words, 0.95),) if isinstance(words, str) else tuple(words)
    if isinstance(words, Status) or not words:
        return []
    return [Number((10, 10, 80, 40), candidates, ())]  # type: ignore[arg-type]


def rows_at(rows: Sequence[tuple[float, Words]], time: float) -> Words:
    return [words for begins, words in rows if begins <= time + 1e-6][-1]


def play(scenario: Scenario) -> list[str]:
    """What the voter publishes in a scenario, in the form of the table."""
    options = [FieldOptions(name, (0, 0, 64, 32), **{"settle": 1.0, **scenario.keys}) for name in scenario.fields]  # type: ignore[arg-type]
    now: Words = ""

    def read(patch: Patch) -> list[Number]:
        text = now if isinstance(now, str) else ""
        return numbers(scenario.perturbed(text) if scenario.perturbed else text)

    voter = Voter(options, "digits@1", "cpu", read)
    told: list[str] = []
    for seq in range(round(scenario.until * FPS) + 1):
        mono = seq / FPS
        row = sum(begins <= mono + 1e-6 for begins, _ in scenario.rows)
        rng = np.random.default_rng(row if scenario.still else seq)
        pixels = rng.integers(0, 255, (32, 64), np.uint8)
        frame = Frame(seq, EPOCH + mono, mono, pixels)
        for name in scenario.fields:
            words = rows_at(scenario.rows, mono)
            now = words[name] if isinstance(words, dict) else words
            status = now if isinstance(now, Status) else Status.OK
            voter.observe(Patch(name, frame, pixels, np.eye(3), status), numbers(now))
        told += [line for record in voter.due(mono) for line in tell(record, mono, len(scenario.fields) > 1)]
    return told


def tell(record: Record, mono: float, named: bool) -> Iterator[str]:
    """ "2.0: ok 17", or "2.0: reading_corrected 17"; what `reading_changed` says the reading has said already."""
    who = f"{record.field} " if named else ""
    if isinstance(record, Event):
        if record.type != "reading_changed":
            yield f"{mono:.1f}: {who}{record.type} {record.detail['text']}"
    else:
        yield f"{mono:.1f}: {who}{record.status.value} {record.text or '-'}"


# Pixels

Trouble = Callable[[Grey, float], Grey]
"""A disturbance of a picture, and for how many seconds it has lasted."""


@dataclass(frozen=True)
class Filmed:
    """One table on real pixels: (second, what is written, disturbance)."""

    name: str
    rows: Sequence[tuple[float, str, Trouble | None]]
    until: float
    texts: Sequence[str]
    """The texts published with status ok, in order, each once."""
    keys: Mapping[str, object] = field(default_factory=dict)


def film(scenario: Filmed, seed: int = 5) -> list[Reading]:
    """All readings of a filmed scenario."""
    scene = Scene(seed, "whiteboard", SIZE)
    options = [FieldOptions("units", REGION, **{"settle": 1.0, **scenario.keys})]  # type: ignore[arg-type]
    fields = FieldExtractor(options)
    reader = eyes()
    voter = Voter(options, "digits@1", "cpu", reader.read)
    written, said = "", []
    for seq in range(round(scenario.until * FPS) + 1):
        mono = seq / FPS
        begins, text, trouble = [row for row in scenario.rows if row[0] <= mono + 1e-6][-1]
        if text != written:
            write(scene, text)
            written = text
        picture = scene.shot(seq)
        frame = Frame(seq, EPOCH + mono, mono, trouble(picture, mono - begins) if trouble else picture)
        read_frame(frame, fields, reader, voter)
        said += [record for record in voter.due(mono) if isinstance(record, Reading)]
    return said


@cache
def eyes() -> Reader:
    return open_reader(ModelOptions())


def write(scene: Scene, text: str) -> None:
    """Clears the field and writes a text into it, always by the same writer."""
    strokes = Writer(3).number(text, 44).strokes if text else ()
    home = np.array([60, 50], np.float32)
    scene.write((20, 30, 280, 90), [([stroke + home for stroke in strokes], 4.0, Pen(0.1, 0.05))] if text else [])


def dark(picture: Grey, _: float) -> Grey:
    """Night: only sensor noise."""
    return (picture // 40).astype(np.uint8)


def glare(picture: Grey, seconds: float) -> Grey:
    """The reflection of a lamp moves across."""
    out = picture.copy()
    cv2.circle(out, (round(40 + 60 * seconds), 75), 30, (255,), -1)
    return out


def hand(picture: Grey, seconds: float) -> Grey:
    """A hand comes in from below and covers the right half of the number."""
    out = picture.copy()
    cv2.ellipse(out, (130, 150), (60, 110), 0, 0, 360, (95,), -1)
    return out


def blurred(picture: Grey, _: float) -> Grey:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 9), np.uint8)


def nudged(picture: Grey, _: float) -> Grey:
    """The camera is moved by some pixels."""
    move = np.array([[1, 0, 5], [0, 1, -4]], np.float32)
    return np.asarray(cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def dim(picture: Grey, _: float) -> Grey:
    """Evening: half the light."""
    return (picture * 0.5).astype(np.uint8)
