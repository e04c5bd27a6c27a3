"""`edge-daemon label`: one key each, in the terminal."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_daemon.cli.main import cli
from edge_daemon.on_device.samples import Sample, Samples
from edge_daemon.tools.label import draw, label_all
from tests.support.pictures.paper import page

TEXTS = ("11", "22", "33")


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    made = Samples(tmp_path, 100, 1_000_000)
    for i, text in enumerate(TEXTS):
        pixels = page([(text, 12, 12)], size=(150, 70), seed=i)
        picture = cv2.imencode(".png", pixels)[1].tobytes()
        made.add(Sample(float(i + 1), "tank", "unsure", [(text, 0.7), ("47", 0.2)], [], "d@1", picture), pixels)
    return made


def press(samples: Samples, keys: list[str]) -> list[str | None]:
    """The labels, oldest first, after these keys; then q."""
    left = iter([*keys, "q"])
    label_all(samples, lambda: next(left), lambda _text: None)
    return [sample.label for _, sample in samples.all()]


@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        (["\r", "b", "n"], ["11", "47", ""]),  # the first; the second candidate; no number
        (["1", "7", "\r"], ["17", None, None]),  # digits and Enter
        (["1", "8", "\x7f", "7", "\r"], ["17", None, None]),  # with a slip
        (["s", "\r"], [None, "22", None]),  # skipped for now
        (["\r", "z", "b"], ["47", None, None]),  # taken back, and said anew
        (["c", "x", "", "\r"], ["11", None, None]),  # what means nothing does nothing
    ],
)
def test_keys(samples: Samples, keys: list[str], labels: list[str | None]) -> None:
    """Each of the keys that the page's help names."""
    assert press(samples, keys) == labels


def test_it_ends_when_all_are_labelled(samples: Samples) -> None:
    """Three keys for three samples; no fourth is waited for."""
    keys = iter("aaa")
    assert label_all(samples, lambda: next(keys), lambda _text: None) == 3


def test_the_picture_has_its_ink_where_it_is(samples: Samples) -> None:
    """Half blocks in shades of grey: the left half of a picture is dark, the right one light."""
    half = np.hstack([np.zeros((20, 20), np.uint8), np.full((20, 20), 255, np.uint8)])
    line = draw(half).splitlines()[3]
    cells = line.split("▀")[:-1]
    assert "38;5;232;48;5;232" in cells[0]
    assert "38;5;255;48;5;255" in cells[-1]


def test_without_a_terminal_it_says_where_else(samples: Samples) -> None:
    """In a pipe there is nobody to press keys: wrong usage."""
    assert CliRunner().invoke(cli, ["label"]).exit_code == 2
