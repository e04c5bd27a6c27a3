"""Hard samples: unsure, contradicted, rejected, corrected; never more than the number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import Digit, Event, Frame, Number, Patch, Reading, Status
from edge_daemon.on_device.collector import HardSampleCollector
from edge_daemon.on_device.samples import Sample, Samples
from tests.support.pictures.paper import page

BOX = (100, 100, 66, 40)
PIXELS = page([("42", 100, 100)])


def number(text: str, sure: float = 0.99) -> Number:
    return Number(BOX, ((text, sure), ("49", 0.01)), (Digit(((text[0], sure),), (100, 100, 30, 40)),))


def patch(field: str | None = "tank", at: float = 5.0) -> Patch:
    return Patch(field, Frame(0, at, at, PIXELS), PIXELS, np.eye(3))


def reading(text: str, status: Status = Status.OK, field: str = "tank") -> Reading:
    digits = (Digit(((text[0], 0.9),), (100, 100, 30, 40)), Digit(((text[1], 0.9),), (136, 100, 28, 40)))
    return Reading(field, status, text, int(text), None, 0.9, ((text, 0.9),), digits, (5, 5), 5.0, 5.0, "d@1", "cpu")


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path, 100, 1_000_000)


def kept(samples: Samples) -> list[Sample]:
    return [sample for _, sample in samples.all()]


def look(collector: HardSampleCollector, *texts: str, field: str | None = "tank") -> None:
    for i, text in enumerate(texts):
        collector.on_patch(patch(field, 5.0 + i), [number(text)])


def test_confident_and_equal_reads_are_not_stored(samples: Samples) -> None:
    """In the ordinary case nothing is stored."""
    collector = HardSampleCollector(samples)
    look(collector, "42", "42", "42", "42")
    collector.on_record(0, reading("42"))
    assert kept(samples) == []


def test_a_contradicted_crop_is_stored(samples: Samples) -> None:
    """One 47 among 42s: stored with the text of the others as the first candidate."""
    look(HardSampleCollector(samples), "42", "42", "42", "47", "42")
    [sample] = kept(samples)
    assert (sample.why, sample.field) == ("contradicted", "tank")
    assert [text for text, _ in sample.candidates] == ["42", "47", "49"]


def test_writing_and_wiping_are_not_contradictions(samples: Samples) -> None:
    """4, then 42; and 42, then 17: each was written there."""
    look(HardSampleCollector(samples), "44", "42", "42", "42", "12", "17", "17", "17")
    look(HardSampleCollector(samples), "41", "42", "41", "44", "44")
    assert kept(samples) == []


def test_the_whole_frame_is_followed_number_by_number(samples: Samples) -> None:
    """The same without fields; the sample is the number with a little paper, not the frame."""
    collector = HardSampleCollector(samples)
    look(collector, "42", "42", "42", "47", "42", field=None)
    [sample] = kept(samples)
    height, width = sample.pixels.shape
    assert height < 2 * 40
    assert width <= 66 + 2 * 40


def test_the_least_confident_crop_of_an_accepted_reading(samples: Samples) -> None:
    """Of several unsure crops only the one with the lowest confidence, once."""
    collector = HardSampleCollector(samples)
    for sure in (0.8, 0.6, 0.85):
        collector.on_patch(patch(), [number("42", sure)])
    collector.on_record(0, reading("42"))
    collector.on_record(0, reading("42"))
    [sample] = kept(samples)
    assert (sample.why, sample.candidates[0], sample.model) == ("unsure", ("42", 0.6), "d@1")


@pytest.mark.parametrize(
    ("status", "why"),
    [(Status.LOW_CONFIDENCE, "unsure"), (Status.WRONG_FORMAT, "unsure"), (Status.OUT_OF_RANGE, "rejected")],
)
def test_the_crop_of_a_withheld_reading_is_stored(samples: Samples, status: Status, why: str) -> None:
    """Its newest crop is stored."""
    collector = HardSampleCollector(samples)
    look(collector, "42")
    collector.on_record(0, reading("17", status))
    assert [(s.why, s.candidates[0][0]) for s in kept(samples)] == [(why, "42")]


@pytest.mark.parametrize("status", [Status.TOO_DARK, Status.GLARE, Status.OBSTRUCTED, Status.NO_DIGITS])
def test_unreadable_patches_are_not_stored(samples: Samples, status: Status) -> None:
    """It has no use for training."""
    collector = HardSampleCollector(samples)
    look(collector, "42")
    collector.on_record(0, reading("17", status))
    assert kept(samples) == []


def test_set_value_is_a_label(samples: Samples) -> None:
    """The crop of that moment is stored with the digits that were set."""
    collector = HardSampleCollector(samples)
    look(collector, "42")
    collector.on_record(0, Event("value_set", "tank", 5.0, {"text": "4.7"}))
    assert [(s.why, s.label) for s in kept(samples)] == [("corrected", "47")]


def test_few_samples_are_added_to_a_full_store(tmp_path: Path) -> None:
    """A new sample replaces an old one only now and then; a corrected one always does."""
    samples = Samples(tmp_path, 2, 1_000_000)
    collector, rng = HardSampleCollector(samples), np.random.default_rng(1)
    kept_at = []
    for at in range(0, 6000, 300):
        pixels = np.repeat(np.repeat(rng.integers(0, 255, (30, 40), np.uint8), 16, 0), 16, 1)
        collector.on_patch(Patch("tank", Frame(0, at, at, pixels), pixels, np.eye(3)), [number("42")])
        collector.on_record(0, reading("42", Status.LOW_CONFIDENCE))
        kept_at.append(max(sample.at for sample in kept(samples)))
    assert sorted(set(kept_at)) == [0, 300, 600, 2400, 4200]
    collector.on_record(0, Event("value_set", "tank", 5.0, {"text": "43"}))
    assert [sample.why for sample in kept(samples)].count("corrected") == 1


def test_a_disk_error_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, no error: readings go on."""
    collector = HardSampleCollector(Samples(tmp_path / "gone", 10, 10_000))
    for field in ("a", "b"):
        collector.on_patch(patch(field), [number("42", 0.5)])
        collector.on_record(0, reading("42", field=field))
    assert len(caplog.records) == 1
