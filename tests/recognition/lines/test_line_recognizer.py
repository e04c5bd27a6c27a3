"""Strips of digits are read, touching ones too; a damaged network is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.errors import ModelError
from edge_daemon.inference import manifest as manifests
from edge_daemon.inference.network import softmax
from edge_daemon.recognition.lines import line_recognizer
from edge_daemon.recognition.lines.line_recognizer import BLANK, LineRecognizer
from edge_daemon.sources.simulated.handwriting import Writer
from scripts.training.strips.export import draw_strip

WHOLE = 0, 0, line_recognizer.WIDTH, line_recognizer.HEIGHT


@pytest.fixture(scope="module")
def reader() -> LineRecognizer:
    return LineRecognizer()


def frames(*rows: dict[int, float]) -> NDArray[np.float32]:
    """Probabilities, one row for each frame, from what is not zero."""
    said = np.zeros((len(rows), line_recognizer.SCORES), np.float32)
    for row, given in zip(said, rows, strict=True):
        row[list(given)] = list(given.values())
    return said


def test_the_same_digit_is_one_in_neighbouring_frames_and_two_with_blank_between() -> None:
    """The rule of CTC: 3 3 is 3, 3 blank 3 is 33."""
    assert line_recognizer.decode_texts(frames({3: 1.0}, {3: 1.0}))[0][0] == "3"
    assert line_recognizer.decode_texts(frames({3: 1.0}, {BLANK: 1.0}, {3: 1.0}))[0][0] == "33"


def test_each_digit_has_its_frames() -> None:
    """Digits are placed where the network saw them, two equal ones apart; spans follow each other and meet half way."""
    said = frames({BLANK: 1.0}, {7: 1.0}, {7: 1.0}, {BLANK: 1.0}, {7: 1.0}, {2: 1.0}, {BLANK: 1.0}, {BLANK: 1.0})
    spans = line_recognizer.digit_spans(said, "772")
    assert [first for first, _ in spans[1:]] == [last for _, last in spans[:-1]]
    assert spans[1] == pytest.approx(((2 / 8 + 4.5 / 8) / 2, (4.5 / 8 + 5.5 / 8) / 2))
    assert line_recognizer.digit_spans(said, "") == ()


def test_a_strip_is_the_box_stretched_to_full_contrast() -> None:
    """Faint ink becomes white on black, at the height of a strip, the rest of the strip is empty."""
    ink = np.full((100, 200), 20, np.uint8)
    ink[30:70, 50:60] = 60
    strip = line_recognizer.cut_strip(ink, (40, 20, 60, 60))
    assert strip is not None
    assert strip.shape == (line_recognizer.HEIGHT, line_recognizer.WIDTH)
    assert strip[16, 8] == 255
    assert strip[2, 2] == 0
    assert not strip[:, line_recognizer.HEIGHT :].any()


@pytest.mark.parametrize("box", [(0, 0, 400, 20), (-50, 10, 40, 30), (10, 10, 0, 30)])
def test_no_strip_is_cut_from_what_is_no_line(box: tuple[int, int, int, int]) -> None:
    """Too long for its height, outside the map, empty: None."""
    assert line_recognizer.cut_strip(np.zeros((100, 500), np.uint8), box) is None


def test_boxes_follow_the_spans() -> None:
    """The left and right half of a strip that fills half its width are the left and right half of the box."""
    ink = np.zeros((100, 500), np.uint8)
    found = line_recognizer.digit_boxes((100, 20, 140, 40), ink, [(0.0, 0.25), (0.25, 0.5)])
    assert found == [(100, 20, 70, 40), (170, 20, 70, 40)]


@pytest.mark.parametrize(("text", "seed"), [("2021", 1), ("90", 2), ("58000", 3), ("7346", 6)])
def test_written_strips_are_read(reader: LineRecognizer, text: str, seed: int) -> None:
    """Numbers by the project's own writers, and a span for each digit."""
    spelled = reader.read(draw_strip(Writer(seed), text), WHOLE)
    assert spelled is not None
    assert spelled.candidates[0][0] == text
    assert len(spelled.spans) == len(text)


@pytest.mark.parametrize(("text", "seed"), [("2000", 1), ("3585", 2), ("60068", 3)])
def test_touching_digits_are_read(reader: LineRecognizer, text: str, seed: int) -> None:
    """The same when each digit's stroke runs into the next one's."""
    assert reader.read_strips([draw_strip(Writer(seed), text, gap=-0.22)])[0][0][0] == text


def test_strips_that_share_a_run_are_read_as_alone(reader: LineRecognizer) -> None:
    """Short lines side by side on one sheet, and longer ones on sheets of their own, give the same texts as alone."""
    shown = [draw_strip(Writer(seed), text) for seed, text in enumerate(("7", "", "90", "2021", "4", "7346"))]
    assert len(line_recognizer.pack_strips(shown)) < len(shown)
    alone = [line_recognizer.decode_texts(reader.probabilities(one))[0][0] for one in shown]
    assert [said[0][0] for said in reader.read_strips(shown)] == alone


def test_an_empty_strip_is_blank(reader: LineRecognizer) -> None:
    """No ink: the empty text, with confidence."""
    spelled = reader.read(np.zeros((line_recognizer.HEIGHT, line_recognizer.WIDTH), np.uint8), WHOLE)
    assert spelled is not None
    text, chance = spelled.candidates[0]
    assert text == ""
    assert chance > 0.9


def test_the_empty_right_end_of_a_strip_takes_no_time(reader: LineRecognizer) -> None:
    """The network runs at the width of the line, and reads what it reads in the whole strip."""
    strip = cut(draw_strip(Writer(1), "20"))
    part = line_recognizer.used_part(strip)
    assert part.shape[1] < line_recognizer.WIDTH / 2
    assert strip[:, part.shape[1] :].any() == np.False_
    narrow, whole = reader._network.strip_logits(part), reader._network.logits(strip[None])[0]
    assert len(narrow) == line_recognizer.SCORES * part.shape[1] // 2
    rows, same = (softmax(x[: len(narrow)].reshape(-1, line_recognizer.SCORES), 1.0) for x in (narrow, whole))
    assert rows == pytest.approx(same, abs=0.2)
    assert line_recognizer.decode_texts(rows)[0][0] == "20"


def test_readings_of_one_line_have_the_same_weight() -> None:
    """Two readings that agree outweigh a third with more confidence; a text of one reading keeps its share."""
    said = line_recognizer.average_texts([(("12", 0.6), ("72", 0.3)), (("12", 0.5),), (("72", 0.9), ("22", 0.05))])
    assert [text for text, _ in said] == ["72", "12", "22"]
    assert [chance for _, chance in said] == pytest.approx([1.2 / 3, 1.1 / 3, 0.05 / 3])


def test_an_uncertain_line_is_read_at_other_widths(reader: LineRecognizer) -> None:
    """A blurred line has the mean of three readings. A clear one has that of its strip."""
    clear = draw_strip(Writer(1), "2021")
    spelled = reader.read(clear, WHOLE)
    assert spelled is not None
    assert spelled.candidates == line_recognizer.decode_texts(reader.probabilities(cut(clear)))
    blurred = np.asarray(cv2.GaussianBlur(clear, (0, 0), 3.5), np.uint8)
    looks = [line_recognizer.decode_texts(reader.probabilities(cut(blurred)))]
    assert looks[0][0][1] < line_recognizer.CONFIDENT
    looks += reader.read_strips([cut(blurred, wide) for wide in line_recognizer.STRETCHES])
    spelled = reader.read(blurred, WHOLE)
    assert spelled is not None
    assert spelled.candidates == line_recognizer.average_texts(looks)


def cut(ink: Grey, wide: float = 1.0) -> Grey:
    strip = line_recognizer.cut_strip(ink, WHOLE, wide)
    assert strip is not None
    return strip


def test_a_network_with_other_golden_results_is_refused(tmp_path: Path) -> None:
    """Undamaged, yet with other results than those of the manifest."""
    models = Path(shutil.copytree(manifests.models_folder(), tmp_path / "models"))
    (manifest,) = models.glob("strips-*.json")
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"golden": said["golden"][::-1]}))
    with pytest.raises(ModelError, match="golden"):
        LineRecognizer(manifest)


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    """One bit flipped: a ModelError that names the file."""
    models = Path(shutil.copytree(manifests.models_folder(), tmp_path / "models"))
    (manifest,), (network,) = models.glob("strips-*.json"), models.glob("strips-*.int8.tflite")
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=network.name):
        LineRecognizer(manifest)


def test_a_manifest_of_other_strips_is_refused(tmp_path: Path) -> None:
    """A network that was trained on other strips than these would read nonsense."""
    models = Path(shutil.copytree(manifests.models_folder(), tmp_path / "models"))
    (manifest,) = models.glob("strips-*.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"strip": line_recognizer.VERSION + 1}))
    with pytest.raises(ModelError, match="reinstall"):
        LineRecognizer(manifest)
