"""Fields are read as whole lines: at any margin, without what stands beside the number, and with true digit boxes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Grey, Number
from edge_daemon.errors import ModelError
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.inference.manifest import bundled
from edge_daemon.recognition.lines.field_recognizer import DOUBTFUL, FieldRecognizer
from edge_daemon.recognition.lines.line_recognizer import LineRecognizer
from edge_daemon.sources.simulated.handwriting import Writer, coverage

TALL = 40
"""Pixels of height of the drawn digits."""
PUBLISHED = 0.85
"""Confidence that a single look needs to be published, see decision.evidence."""
PAPER = 220
"""Grey level of the drawn paper."""


Read = Callable[[Grey], Number | None]


@pytest.fixture(scope="module")
def read() -> Read:
    """Reads a picture as a field that is as large as its frame."""
    recognizer = FieldRecognizer(LineRecognizer())
    return lambda pixels: recognizer.read(patch_of_sample(pixels))


def field(text: str, margin: float, seed: int = 3, tall: int = TALL) -> Grey:
    """A number with `margin` heights of paper on each side."""
    number, space = Writer(seed).number(text, tall), round(margin * tall)
    wide = int(max(b[0] + b[2] for b in number.boxes))
    strokes = [stroke + np.array([space, space], np.float32) for stroke in number.strokes]
    cover = coverage((tall + 2 * space, wide + 2 * space), strokes, tall / 10)
    return np.asarray(PAPER - 0.75 * cover, np.uint8)


@pytest.mark.parametrize("margin", [0.25, 0.5, 0.75, 1.0, 1.5])
def test_numbers_are_read_at_any_margin(read: Read, margin: float) -> None:
    """Of forty numbers by twenty writers at least 36 are read with a confidence that is published, and none falsely."""
    texts = [str(number) for number in np.random.default_rng(1).integers(0, 99999, 40)]
    numbers = [read(field(text, margin, seed)) for seed, text in enumerate(texts)]
    published = [(text, n.text) for text, n in zip(texts, numbers, strict=True) if n and n.confidence > PUBLISHED]
    assert [pair for pair in published if pair[0] != pair[1]] == []
    assert len(published) >= 36


def test_light_ink_and_other_sizes(read: Read) -> None:
    """Chalk on a board, and digits from 14 to 160 px."""
    light = read(np.asarray(255 - field("2036", 0.6), np.uint8))
    assert light is not None
    assert light.text == "2036"
    for tall in (14, 160):
        number = read(field("2036", 0.6, tall=tall))
        assert number is not None
        assert number.text == "2036"


def test_digit_boxes_are_as_high_as_the_digits(read: Read) -> None:
    """Within a fifth of a digit's height, however high the field is; from left to right."""
    number = read(field("2036", 1.2))
    assert number is not None
    above = round(1.2 * TALL)
    for _, y, _, h in (digit.box for digit in number.digits):
        assert abs(y - above) <= 0.2 * TALL
        assert abs(y + h - above - TALL) <= 0.2 * TALL
    lefts = [digit.box[0] for digit in number.digits]
    assert lefts == sorted(lefts)
    assert all(digit.top[0][0] == char for digit, char in zip(number.digits, number.text, strict=True))


def test_half_a_digit_at_the_border_withholds_the_number(read: Read) -> None:
    """A number that the field cuts through may be incomplete: its confidence is too low to be accepted."""
    whole = field("2036", 0.6)
    cut = read(whole[:, : whole.shape[1] - round(0.6 * TALL) - round(0.25 * TALL)])
    assert cut is None or cut.confidence <= DOUBTFUL or cut.text == "2036"


@pytest.mark.parametrize("noise", [0, 6])
def test_empty_paper_holds_no_number(read: Read, noise: int) -> None:
    """Neither plain nor grainy paper."""
    grain = np.random.default_rng(1).integers(0, noise + 1, (90, 300))
    assert read(np.asarray(PAPER - grain, np.uint8)) is None


@pytest.mark.parametrize("words", ["total", "Name", "hello"])
def test_letters_are_no_number(read: Read, words: str) -> None:
    """Nothing that could be accepted is read from a word."""
    picture = np.full((110, 420), PAPER, np.uint8)
    cv2.putText(picture, words, (40, 75), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 2.2, (50,), 4, cv2.LINE_AA)
    number = read(picture)
    assert number is None or number.confidence < 0.6


def test_a_damaged_or_foreign_network_is_refused(tmp_path: Path) -> None:
    """A flipped byte, and the manifest of another network."""
    manifest = bundled("lines")
    for file in manifest.parent.glob("lines-*"):
        shutil.copy(file, tmp_path)
    network = next(tmp_path.glob("*.tflite"))
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 0xFF
    network.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        FieldRecognizer(LineRecognizer(), tmp_path / manifest.name)
    facts = json.loads(manifest.read_text()) | {"symbols": "0123456789"}
    (tmp_path / manifest.name).write_text(json.dumps(facts))
    with pytest.raises(ModelError, match="not a field network"):
        FieldRecognizer(LineRecognizer(), tmp_path / manifest.name)
