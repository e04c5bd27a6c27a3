"""The making of strips to train on: what is written is what it is called. Needs neither the sets nor TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import Grey
from edge_daemon.recognition.lines import line_recognizer
from edge_daemon.sources.simulated.handwriting import Writer, coverage
from scripts.evaluation import scores
from scripts.training.strips import compose, evaluate, net, sources, stitching
from scripts.training.strips import train as training
from scripts.training.strips.evaluate import Read
from scripts.training.strips.export import Samples
from scripts.training.strips.lines import LineBuilder, with_pen_width
from scripts.training.strips.stitching import StitchedLine


def digit(char: str, seed: int = 3) -> Grey:
    strokes = [s * 40 + np.array([10, 10], np.float32) for s in Writer(seed).digit(char)]
    return coverage((60, 60), strokes, 4.0)


@pytest.fixture(scope="module")
def source() -> sources.Sources:
    inks = [digit(str(n)) for n in range(10)]
    crops = {name: [[ink] for ink in inks] for name in sources.CROP_SETS if name != "cheque"}
    return sources.Sources((), (inks, np.arange(10)), [StitchedLine(digit("7"), "7")], crops, [digit("4")])


def test_a_seed_writes_the_same_strip_again(source: sources.Sources) -> None:
    """Strips have the daemon's size, at most so many digits as the network is trained for, and come back by seed."""
    texts = set()
    for seed in range(40):
        strip, text = compose.compose_strip(np.random.default_rng(seed), source)
        assert strip.shape == (line_recognizer.HEIGHT, line_recognizer.WIDTH)
        assert len(text) <= net.LONGEST
        texts.add(text)
    again, text = compose.compose_strip(np.random.default_rng(39), source)
    assert np.array_equal(again, strip)
    assert text in texts
    assert "" in texts
    assert len(texts) > 20


def test_marks_are_written_and_not_transcribed(source: sources.Sources) -> None:
    """Points and dashes leave ink, the text holds the digits alone."""
    made = compose.handwritten_line(np.random.default_rng(1), source, "$1.234,-", 40.0)
    assert made.text == "1234"
    bare = compose.handwritten_line(np.random.default_rng(1), source, "1234", 40.0)
    assert made.box[2] > bare.box[2]


def test_marks_on_a_line_keep_their_distance() -> None:
    """Two bars set 10 px apart are 10 px apart, set -3 px apart they run into each other."""
    from scripts.training.scenes.writers import Mark

    bar = Mark(np.full((40, 6), 255, np.uint8), 0.0, -40.0, 6.0)
    for space, gaps in ((10.0, [10]), (-3.0, [])):
        line = LineBuilder(40.0, 2)
        line.add(bar, 0.0, 0.0)
        line.add(bar, 0.0, space)
        columns = np.flatnonzero(line.written("11").cover.any(axis=0))
        assert [step - 1 for step in np.diff(columns).tolist() if step > 1] == [
            pytest.approx(gap, abs=1) for gap in gaps
        ]


def test_a_pen_makes_strokes_of_its_own_width() -> None:
    """A 4 px bar becomes about 8 px, and about 2 px."""
    bar = np.zeros((60, 30), np.uint8)
    bar[10:50, 13:17] = 255
    for pen in (8, 2):
        row = with_pen_width(bar, pen)[30] / 255
        assert row.sum() == pytest.approx(pen, abs=1.6)


def test_cheque_crops_with_a_neighbour_in_them_are_left_out() -> None:
    """A digit alone passes, with a bit of its neighbour at the edge it passes less that bit, two digits do not."""
    alone = np.zeros((48, 48), np.uint8)
    alone[4:44, 4:44] = digit("0")[7:47, 2:42]
    beside = alone.copy()
    beside[8:40, :2] = 255
    assert sources.is_one(alone, 3)
    assert not sources.stands_alone(beside)
    assert sources.is_one(sources.without_neighbours(beside), 3)
    both = np.hstack((alone[:, 10:34], alone[:, 10:34]))
    assert not sources.is_one(sources.without_neighbours(both), 3)


def page_of(text: str, seed: int) -> Grey:
    """A line on paper with a grain of its own."""
    paper = np.random.default_rng(seed).normal(190, 6, (60, 34 * len(text) + 46))
    for i, char in enumerate(text):
        left = 20 + 34 * i
        paper[:, left : left + 60] -= 0.6 * digit(char, seed)[:, : paper.shape[1] - left]
    return np.clip(paper, 0, 255).astype(np.uint8)


def crop(page: Grey, at: int, side: int) -> Grey:
    """A square about the digit number `at`, brought to 48 px."""
    import cv2

    middle = 20 + 34 * at + 23
    cut = page[30 - side // 2 : 30 + side // 2, middle - side // 2 : middle + side // 2]
    return np.asarray(cv2.resize(cut, (48, 48), interpolation=cv2.INTER_AREA), np.uint8)


def test_lines_are_put_together_again_from_crops_that_overlap() -> None:
    """Crops of different sizes of three lines: each line comes back, with its digits, as long as it was; where lines
    meet, nothing is joined."""
    lines = [("482", 5), ("3905", 6), ("61", 7)]
    crops = [crop(page_of(text, seed), i, 58 - 4 * (i % 2)) for text, seed in lines for i in range(len(text))]
    labels = np.array([int(char) for text, _ in lines for char in text])
    found = list(stitching.overlapping_runs(crops))
    assert [chain for chain, _ in found] == [[0, 1, 2], [3, 4, 5, 6], [7, 8]]
    for (chain, overlaps), (text, seed) in zip(found, lines, strict=True):
        picture, _, _ = stitching.blend([crops[i] for i in chain], overlaps)
        assert picture.shape[1] / picture.shape[0] == pytest.approx((34 * len(text) + 22) / 58, rel=0.12), seed
    assert [amount.text for amount in stitching.stitch_lines(crops, labels)] == ["482", "3905", "61"]


def test_what_is_seen_of_digits_beyond_the_ends_is_cut_off() -> None:
    """Bars at the very ends of a line go, unless they hang together with its digits: then there is no line."""
    picture = page_of("25", 3)
    first, last = 60, 60
    without = stitching.trim(picture, first, last)
    picture[5:55, :6] = picture[5:55, -6:] = 40
    assert without is not None
    assert (trimmed := stitching.trim(picture, first, last)) is not None
    assert abs(trimmed.shape[1] - without.shape[1]) <= 2
    picture[28:34] = 40
    assert stitching.trim(picture, first, last) is None


def test_batches_hold_whole_strips_with_their_digits() -> None:
    """However it is moved, stretched and made smaller, a strip's ink stays in its batch, and its digits with it."""
    x = np.zeros((256, line_recognizer.HEIGHT, line_recognizer.WIDTH), np.uint8)
    for i in range(256):
        x[i, :, : 20 + i % 60] = 200
    texts = [str(i % 60) for i in range(256)]
    batches = training.batches(Samples(x, texts), np.random.default_rng(0))
    for _ in range(4):
        shown, truth = next(batches)
        assert shown.shape[:2] == (training.BATCH, line_recognizer.HEIGHT)
        assert shown.shape[2] % 4 == 0
        for strip, digits in zip(shown, truth, strict=True):
            wide = 20 + int("".join(str(d) for d in digits if d >= 0))
            assert 0.6 * wide < np.count_nonzero(strip[16] > 0.1) < 1.25 * wide + 2


def test_edits_and_the_confidence_that_is_enough() -> None:
    """Known distances; of four readings the two surest are right, so half pass at 98 %."""
    assert scores.edits("1000", "100") == 1
    assert scores.edits("", "12") == 2
    assert scores.edits("123", "321") == 2
    found = [Read("a", "1", "1", 0.9), Read("b", "2", "2", 0.8), Read("c", "3", "8", 0.7), Read("d", "4", "4", 0.6)]
    assert evaluate.threshold_for(found, 0.98) == (0.8, 0.5)


def test_a_folder_is_read_by_its_truth(tmp_path: Path) -> None:
    """Pictures named in truth.json, with their digits."""
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 100), 200, np.uint8))
    (tmp_path / "truth.json").write_text('{"a.png": {"digits": "12"}}')
    ((name, truth, picture),) = evaluate.pictures(tmp_path)
    assert (name, truth, picture.shape) == ("a.png", "12", (50, 100))
