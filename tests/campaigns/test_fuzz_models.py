"""Spoiled models with hashes that are right: the store takes none in that kills its user or reads otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.errors import ModelError
from edge_daemon.inference.digits import TfliteClassifier, golden_inks, read_manifest
from edge_daemon.inference.interpreter import bundled, read_file
from edge_daemon.inference.normalise import normalise
from edge_daemon.inference.options import Options
from edge_daemon.model_store import acceptance, blends
from tests.campaigns import fuzz_models
from tests.support.models import model


@pytest.mark.slow
def test_spoiled_models_stay_out_or_read_as_the_original() -> None:
    """A short form of scripts/campaign fuzz-models: each way of spoiling once."""
    outcome = fuzz_models.fuzz(len(fuzz_models.SPOILS), seed=3, tell=lambda _: None)
    assert outcome["refused"] + outcome["got_in"] == len(fuzz_models.SPOILS)
    assert outcome["refused"] > 0
    assert outcome["crashes"] == outcome["below"] == 0


def nudged(content: bytes) -> bytes:
    """The lowest bits of a stretch of weights: every golden picture is still read right."""
    weights = bytearray(content)
    at = len(weights) // 2
    for i in range(at, at + 20000, 2):
        weights[i] ^= 15
    return bytes(weights)


def test_a_network_that_is_spoiled_a_little_is_told_by_its_blends(tmp_path: Path) -> None:
    """Clear digits do not show it; pictures between two digits do."""
    facts = json.loads(bundled("digits").read_text())
    folder = model(tmp_path, "9.0.0", nudged, golden=facts["golden"])
    with pytest.raises(ModelError, match="is not the one that was measured"):
        acceptance.run(str(folder / "digits-9.0.0.json"))


def test_the_sheet_gives_back_what_was_put_in() -> None:
    """To 1 in 65,535, each kind of network apart; what is no sheet is refused."""
    said = [np.random.default_rng(i).random((5, 11)).astype(np.float32) for i in range(2)]
    for before, after in zip(said, blends.answers(blends.sheet(said), 2, 5), strict=True):
        assert np.abs(before - after).max() < 2e-5
    for spoiled, count in ((b"", 5), (b"<html>", 5), (blends.sheet(said), 4)):
        with pytest.raises(ModelError, match="blends sheet"):
            blends.answers(spoiled, 2, count)


def test_views_are_what_the_normaliser_made_of_the_golden_inks() -> None:
    """They come back from their sheet as they went in; a sheet of others is refused; the bundled ones differ from what
    this OpenCV makes of the inks in no more than the edges of strokes."""
    path = bundled("digits")
    facts = read_manifest(path)
    inks = golden_inks(read_file(path.parent, facts.files["golden"]), len(facts.golden))
    views = np.stack([normalise(ink) for ink in inks])
    sheet = blends.views_sheet(views)
    assert np.array_equal(blends.views(sheet, len(views)), views)
    another = blends.sheet([np.zeros((5, 11), np.float32)])
    for spoiled, count in ((b"", 22), (b"<html>", 22), (sheet, 21), (another, 22)):
        with pytest.raises(ModelError, match="sheet of views"):
            blends.views(spoiled, count)
    kept = blends.views(read_file(path.parent, facts.files["views"]), len(views))
    assert np.mean(np.abs(kept.astype(int) - views) > 40) < 0.02


def test_the_bundled_model_keeps_its_promise() -> None:
    """On the interpreter and the OpenCV at hand, with room to spare: others must fit too."""
    path = bundled("digits")
    facts = read_manifest(path)
    inks = golden_inks(read_file(path.parent, facts.files["golden"]), len(facts.golden))
    pictures = acceptance.blended(path, facts, inks)
    promised = blends.answers(read_file(path.parent, facts.files["blends"]), len(facts.blends), len(pictures))
    for kind, answers in zip(facts.blends, promised, strict=True):
        reader = TfliteClassifier(Options(str(path), precision=kind))  # type: ignore[arg-type]
        assert np.abs(reader.of(pictures) - answers).mean() < blends.TOLERANCE / 1.5
