"""What a new model gains and loses: counted by class, shown as pictures, told before it is published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from edge_daemon.cli.main import cli
from edge_daemon.domain import Glyph
from edge_daemon.inference.classifier import load
from edge_daemon.inference.options import ModelOptions
from edge_daemon.tools import compare_models
from tests.support.models import model


class Says:
    """A domain.Classifier that says what it is told, of each glyph in turn."""

    name, backend = "says", "cpu"

    def __init__(self, *columns: int) -> None:
        self._columns = columns

    def classify(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        assert len(glyphs) == len(self._columns)
        return np.eye(11, dtype=np.float32)[list(self._columns)]


INKS = [np.full((5, 4), 10 * i, np.uint8) for i in range(4)]
CROPS = INKS, np.array([3, 3, 7, 10])


def test_gains_and_losses_are_counted_by_class() -> None:
    """Each glyph beside its truth; a new mistake is kept with its picture, an old one is none."""
    found = compare_models.compare_on("mine", CROPS, Says(3, 5, 7, 1), Says(3, 3, 1, 1))
    assert (found.crops, found.right, found.gained, found.lost) == (4, (2, 2), 1, 1)
    assert found.classes == {"3": (2, 1, 2), "7": (1, 1, 0), "not": (1, 0, 0)}
    assert [(m.truth, m.read_as) for m in found.worst] == [("7", "1")]
    assert found.worst[0].ink is INKS[2]


def test_only_what_was_not_taught_can_be_forgotten() -> None:
    """A quarter less of a standing set is advised against; of one's own samples, and where nothing is lost, not."""
    losing, same = Says(3, 5, 7, 1), Says(3, 3, 7, 1)
    assert compare_models.compare_on("set", CROPS, same, losing).forgets
    assert len(compare_models.advice([compare_models.compare_on("set", CROPS, same, losing)])) == 1
    assert not compare_models.compare_on("own", CROPS, same, losing, standing=False).forgets
    assert compare_models.advice([compare_models.compare_on("set", CROPS, losing, same)]) == []


def test_the_page_shows_the_new_mistakes(tmp_path: Path) -> None:
    """One picture for each, with what it is and what it is taken for; the page needs no other file."""
    found = [compare_models.compare_on("a <set>", CROPS, Says(3, 3, 7, 10), Says(3, 3, 1, 2))]
    page = compare_models.write_page(tmp_path / "new", "one beside another", found).read_text()
    assert page.count("<img alt=") == page.count("data:image/png") == 2
    assert "7, now read 1 (100%)" in page
    assert "a &lt;set&gt;" in page


def test_the_drawn_digits_are_read_by_the_shipped_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standing set that needs no data, here by a few of its writers: nearly all read right."""
    monkeypatch.setattr(compare_models, "WRITERS", range(2000, 2010))
    inks, truth = compare_models.drawn_crops()
    shipped = load(ModelOptions("bundled"))
    found = compare_models.compare_on("drawn", (inks, truth), shipped, shipped)
    assert found.crops == len(inks) > 100
    assert found.right[0] / found.crops > 0.98


@pytest.mark.parametrize("tolerance", [0.005, -0.1], ids=["no worse", "worse"])
def test_who_publishes_is_warned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tolerance: float) -> None:
    """A model that is no worse is published without a word; one that loses more than may be, with a warning."""
    monkeypatch.setattr(compare_models, "TOLERANCE", tolerance)  # -0.1: as if a tenth more had to be gained
    monkeypatch.setattr(compare_models, "WRITERS", range(2000, 2002))
    same = model(tmp_path, "9.9.1") / "digits-9.9.1.json"
    command = ["model", "publish", "--to", str(tmp_path / "public"), "--keys", str(tmp_path / "keys"), str(same)]
    said = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert ("WARNING: of drawn digits it reads" in said.stderr) is (tolerance < 0)
    assert "digits@9.9.1 is the newest" in said.stdout
