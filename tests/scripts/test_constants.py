"""scripts/evaluation/constants.py: the table of the numbers that recognition hangs on."""

from __future__ import annotations

from pathlib import Path

from scripts.evaluation import constants


def test_numbers_are_listed_and_what_is_computed_is_not(tmp_path: Path) -> None:
    """Numbers, pairs and sums of numbers, with the first sentence of their docstrings; no names, texts or flags."""
    (tmp_path / "some.py").write_text(
        '"""A module."""\nGAP = 2.0\n"""Gap, in\nheights. More."""\nRANGE = (-1, 0.5)\nTOP = (1 << 8) - 1\n'
        'HALF = GAP / 2\nNAME = "a"\nIS_ON = True\n'
    )
    assert constants.constants(tmp_path) == [
        {"file": "some.py", "constant": "GAP", "value": "2.0", "meaning": "Gap, in heights"},
        {"file": "some.py", "constant": "RANGE", "value": "(-1, 0.5)", "meaning": ""},
        {"file": "some.py", "constant": "TOP", "value": "(1 << 8) - 1", "meaning": ""},
    ]


def test_every_constant_of_recognition_says_what_it_is() -> None:
    """Each has a docstring."""
    found = constants.constants(constants.ROOM)
    assert found
    assert [row["constant"] for row in found if not row["meaning"]] == []
