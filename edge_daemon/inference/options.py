"""The tables [model] and [model.foreign]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

AUTO = "auto"
"""As path: the version that is active in the model store."""
BUNDLED = "bundled"
"""As path: the model that came with the program."""

Ink = Literal["auto", "light", "dark"]
Scale = Literal["auto", "0..1", "0..255", "-1..1", "-128..127"]
Delegate = Literal["auto", "edgetpu", "none"]
Precision = Literal["auto", "int8", "float32"]
RuntimeName = Literal["auto", "ai-edge-litert", "tflite-runtime"]


@dataclass(frozen=True, slots=True)
class ForeignOptions:
    """The table [model.foreign]: how to feed a .tflite file that has no manifest."""

    labels: str = ""
    """A file with one line for each score. Empty: the labels in the file's metadata, or else 0 to 9."""
    ink: Ink = "auto"
    """Light ink on black, or dark ink on white. "auto": found by testing."""
    scale: Scale = "auto"
    """The numbers of black and white. "auto": found by testing."""
    temperature: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    """The number by which its logits are divided. `edge-daemon model evaluate` prints the right one."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The table [model]."""

    path: str = AUTO
    """AUTO, BUNDLED, a manifest (.json) beside its .tflite files, or any .tflite digit classifier."""
    delegate: Delegate = "auto"
    """Whether a Coral Edge TPU may run it."""
    runtime: RuntimeName = "auto"
    """The library that runs it."""
    precision: Precision = "auto"
    """Which of the networks in a manifest runs."""
    foreign: ForeignOptions = ForeignOptions()
    """Used only for a .tflite file without a manifest."""
