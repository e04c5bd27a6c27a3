"""The weights of networks that ship, to go on training from."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.inference.manifest import bundled, read_file
from edge_daemon.recognition.lines.line_recognizer import read_manifest
from scripts.training.common import weights


def test_int8_weights_stand_for_those_of_the_float32_network() -> None:
    """Layer by layer they are within half a step of them; a strip network gives all of its layers, in their order."""
    pytest.importorskip("ai_edge_litert")
    digits = bundled("digits")
    float32, int8 = (
        weights.layers(digits.with_name(f"{digits.stem}.{kind}.tflite").read_bytes()) for kind in ("float32", "int8")
    )
    assert len(float32) == len(int8) == 5
    for (kernel, bias), (small, small_bias) in zip(float32, int8, strict=True):
        assert np.abs(kernel - small).max() <= 0.51 * np.abs(kernel).max() / 127
        assert np.abs(bias - small_bias).max() < 1e-3
    strips = bundled("strips")
    found = weights.layers(read_file(strips.parent, read_manifest(strips).files["int8"]))
    assert found[0][0].shape == (3, 3, 1, 16)
    assert found[-1][0].shape == (1, 1, 96, 22)
    assert all(bias.shape == kernel.shape[-1:] for kernel, bias in found)


@pytest.mark.parametrize("name", ["digits", "sieve", "strips", "lines"])
def test_every_layer_has_learned(name: str) -> None:
    """No layer of a shipped network gives nothing but zeros, as residual blocks do whose gradient stayed zero."""
    pytest.importorskip("ai_edge_litert")
    for kernel, _ in weights.layers(next(bundled(name).parent.glob(f"{name}-*.int8.tflite")).read_bytes()):
        assert np.abs(kernel).max() > 0
