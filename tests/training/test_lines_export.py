"""What the manifest of a field network says of its training. Needs neither the training sets nor TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.training.lines import export


def test_all_runs_are_in_the_manifest(tmp_path: Path) -> None:
    """Also those whose weights a run began with; a folder without a state has none."""
    assert export.runs(tmp_path) == []
    before = {"seed": 1, "frozen": 2, "steps": 300, "minutes": 3}
    state = {"step": 900, "seconds": 610.0, "seed": 4, "frozen": 0, "earlier": [before], "log": []}
    export.state_path(tmp_path).write_text(json.dumps(state))
    assert export.runs(tmp_path) == [before, {"seed": 4, "frozen": 0, "steps": 900, "minutes": 10}]
