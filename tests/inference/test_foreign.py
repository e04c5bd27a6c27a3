"""Any .tflite digit classifier that keeps the contract reads; what does not is refused with a plain sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, NOT_A_DIGIT, Glyph
from edge_daemon.errors import ModelError
from edge_daemon.inference import classifier
from edge_daemon.inference.foreign import ForeignClassifier
from edge_daemon.inference.foreign_network import ForeignNetwork
from edge_daemon.inference.options import ForeignOptions, ModelOptions, Scale
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.recognition.reader import open_reader
from tests.support import tflite_files

INKS = [tflite_files.ink(digit, seed) for seed in range(6) for digit in DIGITS]
TRUTH = np.tile(np.arange(10), 6)
SLASH = np.asarray(np.eye(60)[::-1] * 255, np.uint8).repeat(3, axis=1)


def opened(folder: Path, content: bytes, **options: Any) -> ForeignClassifier:
    file = folder / "mine.tflite"
    file.write_bytes(content)
    found = classifier.load(ModelOptions(str(file), foreign=ForeignOptions(**options)))
    assert isinstance(found, ForeignClassifier)
    return found


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"shape": (1, 28, 28, 1), "dtype": "uint8"},
        {"shape": (1, 32, 20, 3)},
        {"shape": (1, 20, 24, 1), "dtype": "int8"},
        {"dark": True, "white": 255.0},
        {"scores": 11},
        {"labels": list(DIGITS)},
    ],
)
def test_it_reads_whatever_its_shape_dtype_scale_and_polarity(tmp_path: Path, kind: dict[str, Any]) -> None:
    """What the network wants is found out by the golden digits: at least 95 % of drawn digits are then read right."""
    model = opened(tmp_path, tflite_files.linear(**kind))
    assert model.input_format.dark is kind.get("dark", False)
    assert (model.classify_inks(INKS).argmax(axis=1) == TRUTH).mean() >= 0.95


def test_a_network_that_knows_both_polarities_gets_the_one_it_reads_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clean digits it reads either way; worn ones tell."""
    raw = ForeignNetwork.raw

    def either(self: ForeignNetwork, pictures: NDArray[np.uint8], scale: Scale, dark: bool) -> NDArray[np.float32]:
        rows = raw(self, pictures, scale, False)
        if not dark:
            rows[20:] = 0
        return rows

    monkeypatch.setattr(ForeignNetwork, "raw", either)
    assert opened(tmp_path, tflite_files.linear()).input_format.dark


def test_it_gives_probabilities_of_eleven_classes(tmp_path: Path) -> None:
    """domain.Classifier's promise: rows sum to 1, also with the bundled network's word on what is no digit."""
    said = opened(tmp_path, tflite_files.linear()).classify([Glyph((0, 0, 80, 80), ink) for ink in INKS])
    assert said.shape == (len(INKS), 11)
    assert said.sum(axis=1) == pytest.approx(np.ones(len(INKS)), abs=1e-4)


def test_what_is_no_digit_stays_none_to_a_network_that_knows_digits_only(tmp_path: Path) -> None:
    """A cross: the linear network must call it a digit, the daemon does not."""
    cross = np.maximum(SLASH, SLASH[:, ::-1])
    model = opened(tmp_path, tflite_files.linear())
    assert model.classify_inks([cross])[0, NOT_A_DIGIT] == 0
    assert model.classify([Glyph((0, 0, 180, 60), cross)])[0].argmax() == NOT_A_DIGIT


def test_a_reader_with_a_foreign_network_lets_it_read(tmp_path: Path) -> None:
    """The bundled network of whole lines would read most fields before it: it is left out."""
    opened(tmp_path, tflite_files.linear())
    assert open_reader(ModelOptions(str(tmp_path / "mine.tflite"))).strips is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ({"scores": 11, "labels": list(DIGITS)}, "10 labels for 11 outputs"),
        ({"labels": list("0123456788")}, "should name each digit once: 8, 9"),
        ({"labels": list("3456789012")}, "labels are in another order"),
        ({"scores": 4}, "at least 10 scores"),
        ({"shape": (1, 28, 28, 2)}, "takes one picture"),
        ({"edgetpu": True}, "runs on no CPU"),
    ],
)
def test_a_broken_contract_is_told_plainly(tmp_path: Path, kind: dict[str, Any], told: str) -> None:
    """Labels, shape, hardware: a sentence that names the file and what does not fit."""
    with pytest.raises(ModelError, match=told) as caught:
        opened(tmp_path, tflite_files.linear(**kind) if kind.get("shape", ())[3:] != (2,) else two_channels())
    assert "mine.tflite" in str(caught.value)


def two_channels() -> bytes:
    shape = (1, 28, 28, 2)
    w = np.zeros((10, 28 * 28 * 2), np.float32)
    tensors = [tflite_files.Tensor(shape, "float32"), tflite_files.Tensor(w.shape, "float32", w.tobytes())]
    tensors += [tflite_files.Tensor((10,), "float32", w[:, 0].tobytes()), tflite_files.Tensor((1, 10), "float32")]
    return tflite_files.write(
        tflite_files.Graph(tensors, [0], [3], [tflite_files.Op(tflite_files.FULLY_CONNECTED, [0, 1, 2], [3])])
    )


def test_labels_can_come_from_a_file(tmp_path: Path) -> None:
    """In whatever order its lines name the scores; a file that is not there is told."""
    names = tmp_path / "labels.txt"
    names.write_text("\n".join([*DIGITS, "no digit"]))
    assert opened(tmp_path, tflite_files.linear(scores=11), labels=str(names)).labels[10] == "no digit"
    with pytest.raises(ModelError, match="expected a file with a label in each line"):
        opened(tmp_path, tflite_files.linear(), labels=str(tmp_path / "none.txt"))


def test_what_the_configuration_says_is_not_found_out(tmp_path: Path) -> None:
    """A polarity and scale that are given hold, also where they are wrong: then the golden digits are not read."""
    with pytest.raises(ModelError, match="golden digits"):
        opened(tmp_path, tflite_files.linear(), ink="dark")
    assert opened(tmp_path, tflite_files.linear(), ink="light", scale="0..1").input_format.scale == "0..1"


def test_a_temperature_makes_it_less_sure(tmp_path: Path) -> None:
    """Logits are divided by it."""
    cold, warm = (
        opened(tmp_path, tflite_files.linear(), temperature=t).classify_inks(INKS).max(axis=1).mean()
        for t in (1.0, 5.0)
    )
    assert warm < cold - 0.1


def test_a_recurrent_network_forgets_the_picture_before(tmp_path: Path) -> None:
    """Its state is reset before each picture, not only at the start."""
    model = opened(tmp_path, tflite_files.linear())
    resets = []
    adapter: Any = model.network._interpreter
    inner = adapter._interpreter

    class Counting:
        def __getattr__(self, name: str) -> Any:
            resets.append(name)
            return getattr(inner, name)

    adapter._interpreter = Counting()
    model.classify_inks(INKS[:3])
    assert resets.count("reset_all_variables") == resets.count("invoke") == 3


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """A web page and an empty file, which do not crash the runtime, are told as what does not load."""
    for content in (b"<html>404</html>", b""):
        with pytest.raises(ModelError, match="does not load"):
            ForeignNetwork(find_runtime(), content, "mine.tflite")
