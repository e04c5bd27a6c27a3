"""What runs is what is the fastest on this machine, measured once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_daemon.inference.classifier import Options
from edge_daemon.model_store import choice
from edge_daemon.model_store.choice import Choice, chosen, installed, precisions


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], float]:
    """Seconds by (precision, runtime), as the children would measure them; two interpreters are installed."""
    found = {
        ("int8", "ai-edge-litert"): 19e-6,
        ("float32", "ai-edge-litert"): 44e-6,
        ("int8", "tflite-runtime"): 112e-6,
        ("float32", "tflite-runtime"): 42e-6,
    }
    monkeypatch.setattr(choice, "installed", lambda: {"ai-edge-litert": "2.3.0", "tflite-runtime": "2.14.0"})

    def measured(job: str, given: str, **_: Any) -> list[float]:
        return [found[each.precision, each.runtime] for each in msgspec.json.decode(given, type=list[Options])]

    monkeypatch.setattr(choice, "apart", measured)
    monkeypatch.setattr(choice, "measure", lambda given: measured("", given))
    return found


def test_the_fastest_is_taken(times: dict[tuple[str, str], float], tmp_path: Path) -> None:
    """Of all four, and within what the configuration leaves open."""
    best, told = chosen(Options(), tmp_path / "choice")
    assert (best.precision, best.runtime) == ("int8", "ai-edge-litert")
    assert "float32 on tflite-runtime 42 us" in str(told)
    best, _ = chosen(Options(runtime="tflite-runtime"), tmp_path / "choice")
    assert (best.precision, best.runtime) == ("float32", "tflite-runtime")


def test_it_is_measured_once(times: dict[tuple[str, str], float], tmp_path: Path) -> None:
    """Remembered until the model, an interpreter or the machine is another; a damaged memory is measured anew."""
    chosen(Options(), tmp_path / "choice")
    times["float32", "tflite-runtime"] = 1e-6
    assert chosen(Options(), tmp_path / "choice")[0].precision == "int8"
    (tmp_path / "choice").write_bytes(b'{"runtime": "none"')
    assert chosen(Options(), tmp_path / "choice")[0].precision == "float32"


def test_what_is_hardly_faster_is_not_taken(times: dict[tuple[str, str], float], tmp_path: Path) -> None:
    """Within the noise of a measurement the customary one stays: no flapping between two that are alike."""
    times["float32", "ai-edge-litert"] = 18e-6
    assert chosen(Options(), tmp_path / "choice")[0].precision == "int8"


def test_what_is_configured_is_not_measured(times: dict[tuple[str, str], float], tmp_path: Path) -> None:
    """Both given, or a file that is named: nothing is left to choose."""
    given = Options(precision="int8", runtime="tflite-runtime")
    assert chosen(given, tmp_path / "choice") == (given, None)
    assert precisions(Options("digits-1.float32.tflite")) == ["auto"]
    assert not (tmp_path / "choice").exists()


def test_it_is_measured_for_real(tmp_path: Path) -> None:
    """On the interpreter that is installed here: both networks have a time, and the choice survives its file."""
    _, told = chosen(Options(), tmp_path / "choice")
    assert isinstance(told, Choice)
    assert len(told.us) == 2 * len(installed())
    assert min(told.us.values()) > 0
    assert choice.remembered(tmp_path / "choice") == told
