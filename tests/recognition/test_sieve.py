"""Writing passes the sieve; lines of the paper and textures do not; a damaged sieve is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Grey
from edge_daemon.errors import ModelError
from edge_daemon.inference import manifest as manifests
from edge_daemon.recognition.ink import contrast, find_blobs
from edge_daemon.recognition.segment import MIN_CHANCE
from edge_daemon.recognition.sieve import Sieve
from tests.support.pictures.paper import page


@pytest.fixture(scope="module")
def sieve() -> Sieve:
    return Sieve()


def passed(sieve: Sieve, picture: Grey) -> tuple[int, int]:
    """How many pieces of ink pass, and how many there are."""
    ink = contrast(picture)
    blobs = find_blobs(ink)
    return int((sieve.filter(ink, blobs) >= MIN_CHANCE).sum()), len(blobs)


def test_writing_passes(sieve: Sieve) -> None:
    """Of numbers on a sheet at least nine pieces in ten pass."""
    kept, all_ = passed(sieve, page([("2021", 60, 60), ("38", 400, 70), ("5064", 80, 260)], pen=4))
    assert kept >= 0.9 * all_ > 0


def test_a_table_without_digits_does_not_pass(sieve: Sieve) -> None:
    """Lines that cross: of their pieces nearly none is taken for a digit."""
    sheet = np.full((480, 640), 210, np.uint8)
    for at in range(40, 440, 50):
        cv2.line(sheet, (20, at), (620, at + 6), (120,), 2, cv2.LINE_AA)
        cv2.line(sheet, (at, 20), (at + 6, 460), (120,), 2, cv2.LINE_AA)
    kept, _ = passed(sieve, sheet)
    assert kept <= 2


def test_a_rough_wall_does_not_pass(sieve: Sieve) -> None:
    """Of the blobs of a coarse texture at most one in ten is taken for a digit."""
    rough = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (480, 640)), (0, 0), 4)
    kept, all_ = passed(sieve, np.clip(140 + 300 * rough, 0, 255).astype(np.uint8))
    assert kept <= 0.1 * all_ + 1


def test_no_ink_gives_no_probabilities(sieve: Sieve) -> None:
    """An empty list gives an empty array."""
    assert sieve.filter(np.zeros((100, 100), np.uint8), []).shape == (0,)


def test_a_sieve_with_other_golden_results_is_refused(tmp_path: Path) -> None:
    """Undamaged, yet with other results than the manifest's (digits for lines, lines for digits)."""
    models = Path(shutil.copytree(manifests.models_folder(), tmp_path / "models"))
    (manifest,) = models.glob("sieve-*.json")
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"golden": said["golden"][::-1]}))
    with pytest.raises(ModelError, match="golden"):
        Sieve(manifest)


def test_a_damaged_sieve_is_refused(tmp_path: Path) -> None:
    """One bit flipped in its network: a ModelError that names the file."""
    models = Path(shutil.copytree(manifests.models_folder(), tmp_path / "models"))
    (manifest,), (network,) = models.glob("sieve-*.json"), models.glob("sieve-*.int8.tflite")
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=network.name):
        Sieve(manifest)
