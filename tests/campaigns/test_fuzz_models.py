"""Spoiled models with hashes that are right: the store takes none in that kills its user or reads otherwise."""

from __future__ import annotations

import pytest

from tests.campaigns import fuzz_models


@pytest.mark.slow
def test_spoiled_models_stay_out_or_read_as_the_original() -> None:
    """A short form of scripts/campaign fuzz-models: each way of spoiling once."""
    outcome = fuzz_models.fuzz(len(fuzz_models.SPOILS), seed=3, tell=lambda _: None)
    assert outcome["refused"] + outcome["got_in"] == len(fuzz_models.SPOILS)
    assert outcome["refused"] > 0
    assert outcome["crashes"] == outcome["below"] == 0
