"""Composing of training lines: their texts are right. Needs neither the training sets nor TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.domain import Grey
from edge_daemon.recognition.lines import line_extent
from edge_daemon.recognition.lines.field_decoder import CUT, SYMBOLS
from edge_daemon.sources.simulated.handwriting import Writer, coverage
from scripts.training.lines import compose, fields, numbers, sheet, writing
from scripts.training.lines.labels import LONGEST, RULE, tidy
from scripts.training.lines.material import LinePicture, Material, Trace
from scripts.training.lines.writing import Line
from scripts.training.strips.stitching import StitchedLine


def digit(char: str, seed: int = 3) -> Grey:
    strokes = [s * 40 + np.array([10, 10], np.float32) for s in Writer(seed).digit(char)]
    return coverage((60, 60), strokes, 4.0)


def trace(char: str, text: str | None = None) -> Trace:
    strokes = [s * np.float32(1000) for s in Writer(5).digit(char)]
    corner = np.concatenate(strokes).min(axis=0)
    return Trace([s - corner for s in strokes], text or char, "w")


@pytest.fixture(scope="module")
def material() -> Material:
    inks = [digit(str(n)) for n in range(10)]
    writer = {str(n): [trace(str(n))] for n in range(10)}
    page = np.full((40, 60), 220, np.uint8)
    page[8:34, 28:32] = 40
    return Material(
        {"unipen_digits": [writer], "pendigits": [writer], "skahl_ipad": [writer]},
        {},
        [trace("4", "A")],
        [trace("3", "word")],
        [trace("6", "text of words")],
        [trace("7", "7")],
        [trace("8", "cat")],
        {name: [[ink] for ink in inks] for name in writing.CROP_SETS if name != "cheque"},
        (inks, np.arange(10)),
        [StitchedLine(digit("7"), "7")],
        [LinePicture(page, "1")],
        [digit("4")],
        (),
        [np.full((200, 200), 128, np.uint8)],
    )


def test_a_seed_composes_the_same_line_again(material: Material) -> None:
    """Strips have the network's size, texts consist of its symbols, and a seed always gives the same line."""
    texts = set()
    for seed in range(60):
        strip, text = compose.compose_line(np.random.default_rng(seed), material)
        assert strip.shape == (line_extent.HEIGHT, line_extent.WIDTH)
        assert len(text) <= LONGEST
        assert set(text) <= set(SYMBOLS)
        texts.add(text)
    again, text = compose.compose_line(np.random.default_rng(59), material)
    assert np.array_equal(again, strip)
    assert len(texts) > 30
    assert any(CUT in text for text in texts)
    assert not any(RULE in text for text in texts)


def test_only_the_wanted_kinds_are_composed(material: Material) -> None:
    """A ring around a number leaves its digits in the text; a dash before one is a minus."""
    made = [compose.compose_line(np.random.default_rng(seed), material, ("circled",))[1] for seed in range(40)]
    assert sum(text.isdigit() and len(text) <= 3 for text in made) > 20
    led = [compose.compose_line(np.random.default_rng(seed), material, ("led",))[1] for seed in range(40)]
    assert sum(text.startswith("-") for text in led) > 8


def test_a_line_stores_its_symbols(material: Material) -> None:
    """They are in order, their ends too, and there is ink at each of them."""
    line = Line()
    numbers.write_text(np.random.default_rng(1), material, line, "-12.5", 4.0)
    assert "".join(char for char, _, _ in line.symbols) == "-12.5"
    for _, left, right in line.symbols:
        assert right > left
        assert line.cover[:, int(left) : int(right) + 1].max() > 90


def test_digits_keep_their_cells(material: Material) -> None:
    line, edges = numbers.number_in_cells(np.random.default_rng(2), material)
    cell = edges[1] - edges[0]
    for _, left, right in line.symbols:
        middle = (left + right) / 2
        assert min(abs(middle - (edge + cell / 2)) for edge in edges) < 0.45 * cell + 2


def test_marks_that_the_border_cuts(material: Material) -> None:
    """A digit that is half outside the field is CUT."""
    texts = set()
    for seed in range(150):
        line = Line()
        numbers.write_text(np.random.default_rng(seed), material, line, "88", 4.0)
        view = fields.cut_field(np.random.default_rng(seed), material, sheet.make_sheet(line))
        texts.add(fields.text_between(view.symbols, 0, view.pen.shape[1]))
    assert {"88", "8" + CUT, CUT + "8"} <= texts


def test_a_leader_is_a_minus_at_the_border(material: Material) -> None:
    """A dash that begins beyond the field is still a minus, not a cut mark."""
    line = Line()
    numbers.write_text(np.random.default_rng(4), material, line, "88", 4.0)
    made = sheet.make_sheet(line)
    before = made.pen.astype(int).sum() + made.press.astype(int).sum()
    sheet.draw_leader(np.random.default_rng(4), made)
    assert made.pen.astype(int).sum() + made.press.astype(int).sum() > before
    views = [fields.cut_field(np.random.default_rng(seed), material, made) for seed in range(40)]
    texts = {fields.text_between(view.symbols, 0, view.pen.shape[1]) for view in views}
    assert "-88" in texts
    assert not any(CUT + "88" in text for text in texts)


def test_overlap_of_lines() -> None:
    whole = line_extent.Extent(10, 110, 20, 40)
    assert compose.height_overlap(whole, whole) == 1.0
    assert compose.height_overlap(whole._replace(right=70), whole) == 0.0
    assert compose.height_overlap(whole._replace(bottom=60), whole) == pytest.approx(0.5)


def test_tidy() -> None:
    """Rules are left out; a run of other writing or of cut marks is one symbol."""
    assert tidy("oo|1||2#|#") == "o12#"
