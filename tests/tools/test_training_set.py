"""Labelled numbers become digits to train on; two models are compared on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge_daemon.cli.main import cli
from edge_daemon.domain import Glyph
from edge_daemon.errors import SampleError
from edge_daemon.inference.options import ModelOptions
from edge_daemon.on_device.samples import Samples
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.tools import training_set
from scripts.training.digits import dataset, sets
from tests.support.models import model
from tests.support.samples import sample


@pytest.fixture(scope="module")
def reader() -> Reader:
    return open_reader(ModelOptions())


LABELLED = [(f"{i}-{i}", sample(text, text, i)) for i, text in enumerate(["4207", "31", "9865"])]


def test_a_number_becomes_its_digits(tmp_path: Path, reader: Reader) -> None:
    """Each digit in the folder of its label, as scripts/train digits --extra takes it; and it is that digit."""
    done = training_set.export(LABELLED, tmp_path, reader)
    assert (done.glyphs, done.numbers, done.lost) == (10, 3, ())
    inks, labels = sets.load_extra(tmp_path)
    assert sorted(labels.tolist()) == list(range(10))
    said = reader.classifier.classify([Glyph((0, 0, ink.shape[1], ink.shape[0]), ink) for ink in inks])
    assert np.array_equal(said.argmax(axis=1), labels)


def test_the_training_makes_pictures_of_it(tmp_path: Path, reader: Reader) -> None:
    """--extra's part of the training set: every digit plain and degraded, with its label."""
    training_set.export(LABELLED, tmp_path, reader)
    stock = dataset.Stock(*sets.load_extra(tmp_path), [])
    for kind in ("plain", "heavy"):
        _, label = dataset.ink_for(kind, stock, 7, np.random.default_rng(0))
        assert label == stock.labels[7]


def test_a_wrong_reading_is_taken_apart_by_its_label(reader: Reader) -> None:
    """The label says how many digits there are, and which; what the model thinks does not matter."""
    found = training_set.split_digits(sample("4207", None).pixels, "4201", reader)
    assert [digit for digit, _ in found] == ["4", "2", "0", "1"]


def test_what_is_no_number_is_no_digit(tmp_path: Path, reader: Reader) -> None:
    """With an empty label every piece of ink goes to `not`."""
    done = training_set.export([("1-1", sample("42", ""))], tmp_path, reader)
    assert done.glyphs == len(list((tmp_path / "not").iterdir())) >= 2


def test_what_cannot_be_taken_apart_is_told(tmp_path: Path, reader: Reader) -> None:
    """A label with more digits than there is ink for."""
    done = training_set.export([("1-1", sample("42", "123456789"))], tmp_path, reader)
    assert (done.glyphs, done.lost) == (0, ("1-1",))


def test_two_models_are_compared(reader: Reader) -> None:
    """A model beside itself gains and loses nothing; beside one that reads nothing it gains all."""
    same = training_set.compare_readers(LABELLED, reader, reader)
    assert (same.right, same.gained, same.lost) == ((3, 3), (), ())
    blank = [(name, sample("", s.label)) for name, s in LABELLED]
    assert training_set.compare_readers(blank, reader, reader).right == (0, 0)


def test_the_commands_export_and_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlabelled ones are not exported; with none labelled it is said what to do."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    (tmp_path / "samples").mkdir()
    samples = Samples(tmp_path / "samples", 100, 1_000_000)
    samples.add(one := sample("42", None), one.pixels)
    for command in (["export", str(tmp_path / "set")], ["compare", "bundled"]):
        none = CliRunner().invoke(cli, ["samples", *command])
        assert isinstance(none.exception, SampleError)
        assert "no sample is labelled" in str(none.exception)
    samples.label(samples.paths()[0].name.split(".")[0], "42")
    done = CliRunner().invoke(cli, ["samples", "export", str(tmp_path / "set")])
    assert "2 glyphs of 1 numbers" in done.stdout
    compared = CliRunner().invoke(cli, ["samples", "compare", "bundled"])
    assert "gained: none" in compared.stdout


def test_what_was_taught_a_hand_reads_without_strips(tmp_path: Path) -> None:
    """A manifest that says so opens a reader of digits only: strips would outvote what it has learnt."""
    taught = model(tmp_path, "9.9.2", strips=False) / "digits-9.9.2.json"
    assert open_reader(ModelOptions(str(taught))).strips is None
    assert open_reader(ModelOptions("bundled")).strips is not None
