"""The shipped model reads, and one that is damaged, foreign or wrong is refused before it can say anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import DIGITS, Glyph
from edge_daemon.errors import ModelError
from edge_daemon.inference import classifier
from edge_daemon.inference.digits import DigitClassifier, find_model
from edge_daemon.inference.manifest import models_folder
from edge_daemon.inference.options import ModelOptions
from edge_daemon.inference.runtime import default_kind, find_runtime
from edge_daemon.sources.simulated.handwriting import Writer, coverage


def glyph(char: str, seed: int) -> Glyph:
    """A digit of the project's own handwriting."""
    strokes = [s * 50 + np.array([12, 12], np.float32) for s in Writer(seed).digit(char)]
    return Glyph((0, 0, 80, 80), coverage((80, 80), strokes, 4.5))


@pytest.fixture(scope="module")
def shipped() -> DigitClassifier:
    return DigitClassifier(ModelOptions())


def test_it_reads_handwriting(shipped: DigitClassifier) -> None:
    """Ten digits by thirty writers: at least 97 % right."""
    glyphs = [glyph(char, seed) for seed in range(30) for char in DIGITS]
    found = shipped.classify(glyphs).argmax(axis=1)
    assert np.mean(found == np.tile(np.arange(10), 30)) >= 0.97


def test_it_gives_probabilities_in_order_and_is_pure(shipped: DigitClassifier) -> None:
    """Rows sum to 1, come in the order of the glyphs, and are the same when asked again alone."""
    glyphs = [glyph(char, 1) for char in DIGITS]
    together = shipped.classify(glyphs)
    assert together.shape == (10, 11)
    assert together.dtype == np.float32
    assert together.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    assert np.array_equal(np.concatenate([shipped.classify([g]) for g in glyphs]), together)
    assert shipped.classify([]).shape == (0, 11)


def test_both_networks_agree() -> None:
    """int8 and float32 read the same digits."""
    manifest, _ = find_model("bundled")
    wide = DigitClassifier(ModelOptions(str(manifest.with_name(f"{manifest.stem}.float32.tflite"))))
    glyphs = [glyph(char, seed) for seed in range(8) for char in DIGITS]
    narrow = classifier.load(ModelOptions())
    assert np.mean(wide.classify(glyphs).argmax(axis=1) == narrow.classify(glyphs).argmax(axis=1)) >= 0.98


def test_the_interpreter_says_which_it_is_and_why() -> None:
    """A sentence for `edge-daemon check`."""
    assert any(name in find_runtime().why for name in ("ai-edge-litert", "tflite-runtime"))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def html(file: Path) -> None:
    file.write_text("<html>404</html>")


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip, html, empty, Path.unlink])
def test_a_damaged_network_is_refused_before_it_is_parsed(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Truncated, one bit flipped, a web page, empty, gone: a ModelError that names the file and the remedy."""
    model = Path(shutil.copytree(models_folder(), tmp_path / "models"))
    (network,) = model.glob(f"digits-*.{default_kind()}.tflite")
    damage(network)
    (manifest,) = model.glob("digits-*.json")
    with pytest.raises(ModelError, match=rf"{network.name}.*reinstall"):
        DigitClassifier(ModelOptions(str(manifest)))


def test_a_network_that_reads_its_golden_pictures_wrong_is_refused(tmp_path: Path) -> None:
    """Whole and of the right shape, yet with other answers than the manifest's: it may not speak."""
    model = Path(shutil.copytree(models_folder(), tmp_path / "models"))
    (manifest,) = model.glob("digits-*.json")
    said = json.loads(manifest.read_text())
    said["golden"] = said["golden"][1:] + said["golden"][:1]
    manifest.write_text(json.dumps(said))
    with pytest.raises(ModelError, match="golden"):
        DigitClassifier(ModelOptions(str(manifest)))


@pytest.mark.parametrize("change", [{"labels": ["a", "b"]}, {"normaliser": 999}, {"files": {}}])
def test_a_manifest_of_something_else_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Other labels, another normaliser, no networks: told by name."""
    model = Path(shutil.copytree(models_folder(), tmp_path / "models"))
    (manifest,) = model.glob("digits-*.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(ModelError, match=manifest.name):
        DigitClassifier(ModelOptions(str(manifest)))


def test_a_path_to_nothing_says_what_is_wanted(tmp_path: Path) -> None:
    """A typo in [model] path is told with what may stand there."""
    with pytest.raises(ModelError, match="bundled"):
        DigitClassifier(ModelOptions(str(tmp_path / "nowhere.json")))
