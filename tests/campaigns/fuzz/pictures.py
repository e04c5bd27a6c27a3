"""Pictures of every size, with a number, letters or nothing on them, and regions and formats of every kind.

Each goes through fields, reader and votes, as frames do. Only what is written may be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import cv2
import numpy as np
from hypothesis import strategies as st

from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Frame, Grey, Reading, Status
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import open_reader
from edge_daemon.sources.simulated.handwriting import Writer, draw
from tests.campaigns.fuzz.campaign import Check, Target, Wrong

FRAMES = 6
STEP = 0.5
"""Seconds from one frame to the next."""
Region = tuple[float, float, float, float]


@dataclass(frozen=True)
class Page:
    """What is drawn, and where the field is."""

    size: tuple[int, int]
    """Width and height in pixels."""
    text: str = ""
    """A number, or letters; nothing of it may be cut by the border of the picture unless the picture is too small."""
    height: int = 40
    """Pixels of a digit."""
    at: tuple[float, float] = (0.5, 0.5)
    """Where the text stands: 0 at the left or the top, 1 at the right or the bottom."""
    hand: int = 0
    """The writer; 0: a printed font."""
    background: Literal["paper", "noise", "grid", "dark"] = "paper"
    region: Region | None = None
    """None: the whole frame is searched."""
    format: str = ""

    @property
    def number(self) -> str:
        """The number that is written; "": none."""
        return self.text if self.text[:1].isdigit() or self.text[:1] == "-" else ""


def page_as_large_as(size: tuple[int, int]) -> Page:
    """A picture of this size with a digit as large as it can be, half of them with a field."""
    width, height = size
    region = (0.0, 0.0, 1.0, 1.0) if (width + height) % 2 else None
    return Page(size, str((width * height) % 10), max(1, min(height, width) * 3 // 4), hand=width % 5, region=region)


SIZES = [(width, height) for width in range(1, 129) for height in range(1, 65)]
Random(0).shuffle(SIZES)  # so that a run that ends early has seen some of all kinds

small = st.tuples(st.integers(1, 128), st.integers(1, 64))
usual = st.tuples(st.integers(129, 800), st.integers(65, 600))
extreme = st.tuples(st.integers(1, 30), st.integers(500, 16_384))
sizes = small | usual | usual | extreme | extreme.map(lambda size: size[::-1])
numbers = st.integers(0, 99_999).map(str) | st.text("0123456789", min_size=1, max_size=7)
signed = st.integers(1, 999).map(lambda n: f"-{n}")
letters = st.text("ABCEGHKLMOPQRSTUXZabdeghlos", min_size=1, max_size=8)
sides = st.floats(-0.2, 1.2) | st.floats(0, 1) | st.sampled_from([0.0, 0.001, 0.5, 0.999, 1.0])
regions = st.tuples(sides, sides, st.floats(0.001, 1), st.floats(0.001, 1)) | st.just((0.0, 0.0, 1.0, 1.0))
formats = st.sampled_from(["", "#", "##", "###", "####", "#####", "??????#", "##??", "#?.#", "^[0-9]{2,4}$"])


@st.composite
def pages(draw_: st.DrawFn) -> Page:
    """Any page. Signs are looked for only in fields whose format has one, so they stand only there."""
    is_signed = draw_(st.integers(0, 5)) == 0
    size = draw_(sizes)
    return Page(
        size,
        draw_(signed) if is_signed else draw_(numbers | numbers | letters | st.just("")),
        draw_(st.integers(4, 200)),
        (draw_(st.floats(0, 1)), draw_(st.floats(0, 1))),
        draw_(st.just(0) | st.integers(1, 500)),
        draw_(st.sampled_from(["paper", "paper", "noise", "grid", "dark"])),
        draw_(regions if is_signed else st.none() | regions | regions),
        draw_(st.sampled_from(["-#??", "-??#", "-##", "-###"]) if is_signed else formats),
    )


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    """In this process: no daemon, no broker."""
    reader = open_reader(ModelOptions(), check_every=0.0)

    def check(page: Page) -> None:
        fields = [FieldOptions("f", page.region, format=page.format, settle=1.0)] if page.region else []
        cut, voter, read = FieldExtractor(fields), Voter(fields, "digits", "cpu"), reader.fresh()
        shown = drawn(page)
        for seq in range(FRAMES):
            frame = Frame(seq, 1e9 + seq * STEP, seq * STEP, noisy(shown, seq))
            for patch in cut.cut(frame, voter.undecided):
                voter.observe(patch, read.read(patch) if patch.status is Status.OK else [])
            for record in voter.due(frame.mono):
                if isinstance(record, Reading) and record.status is Status.OK and not is_true(record.text or "", page):
                    raise Wrong(f"{page.text!r} is published as {record.text!r} with {record.confidence:.2f}")

    yield check


def is_true(text: str, page: Page) -> bool:
    """Whether a published text is what is written; points come from the format."""
    return re.sub(r"[^0-9-]", "", text) == page.number != ""


def drawn(page: Page) -> Grey:
    """The page without the noise of a camera."""
    width, height = page.size
    dice = np.random.default_rng(len(page.text) + width)
    paper, ink = (60, 200) if page.background == "dark" else (215, 45)
    canvas = np.full((height, width), paper, np.uint8)
    if page.background == "grid":
        canvas[:: max(4, page.height // 2)] = canvas[:, :: max(4, page.height // 2)] = 180
    if page.background == "noise":
        canvas = np.clip(canvas - dice.exponential(8, canvas.shape), 0, 255).astype(np.uint8)
    return with_text(canvas, page, ink) if page.text else canvas


def with_text(canvas: Grey, page: Page, ink: int) -> Grey:
    """The canvas with the text; a text that is too large for it is made smaller."""
    stamp = handwritten(page) if page.hand and page.number else printed(page)
    height, width = canvas.shape
    scale = min(1.0, (width - 2) / stamp.shape[1], (height - 2) / stamp.shape[0])
    if scale * min(stamp.shape) < 1:
        return canvas
    if scale < 1:
        stamp = np.asarray(cv2.resize(stamp, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = round(page.at[0] * (width - stamp.shape[1])), round(page.at[1] * (height - stamp.shape[0]))
    part = canvas[y : y + stamp.shape[0], x : x + stamp.shape[1]]
    part[:] = (part + (ink - part.astype(np.float32)) * (stamp / np.float32(255))).astype(np.uint8)
    return canvas


def handwritten(page: Page) -> Grey:
    """The coverage by ink, 0..255, of the number, with a little room around it."""
    height, writer = page.height, Writer(page.hand)
    written = writer.number(page.text, height)
    points = np.concatenate(written.strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    pen = max(1.0, writer.thickness * height)
    width, tall = (np.ceil(high - low + 2 * pen + 2)).astype(int)
    stamp = np.zeros((tall, width), np.uint8)
    draw(stamp, [np.asarray(stroke - low + pen + 1, np.float32) for stroke in written.strokes], pen, 255)
    return stamp


def printed(page: Page) -> Grey:
    """The same in a font."""
    scale = page.height / 21
    pen = max(1, page.height // 10)
    (width, height), below = cv2.getTextSize(page.text, cv2.FONT_HERSHEY_SIMPLEX, scale, pen)
    stamp = np.zeros((height + below + 2 * pen, width + 2 * pen), np.uint8)
    cv2.putText(stamp, page.text, (pen, height + pen), cv2.FONT_HERSHEY_SIMPLEX, scale, (255,), pen, cv2.LINE_AA)
    return stamp


def noisy(picture: Grey, seq: int) -> Grey:
    """One frame of a camera."""
    noise = np.random.default_rng(seq).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


SWEEP = Target(st.nothing(), checking, [page_as_large_as(size) for size in SIZES])
"""Every size from 1 x 1 to 128 x 64."""
DRAWN = Target(pages(), checking)
