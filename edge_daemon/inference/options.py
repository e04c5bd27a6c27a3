"""The table [model]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

AUTO = "auto"
BUNDLED = "bundled"

Ink = Literal["auto", "light", "dark"]
Scale = Literal["auto", "0..1", "0..255", "-1..1", "-128..127"]
Delegate = Literal["auto", "edgetpu", "none"]
Precision = Literal["auto", "int8", "float32"]
Runtime = Literal["auto", "ai-edge-litert", "tflite-runtime"]


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The table [model]."""

    path: str = AUTO
    """"auto": the version that is active in the store, "bundled": the model that came with the program; or a manifest
    (.json) beside its .tflite files, or any .tflite digit classifier."""
    delegate: Delegate = "auto"
    """Whether a Coral Edge TPU may run it."""
    runtime: Runtime = "auto"
    """Which interpreter runs it."""
    precision: Precision = "auto"
    """Which of the networks that a manifest names."""
    labels: str = ""
    """Of a foreign classifier: a file with a line for each score. Empty: what its metadata say, or 0 to 9."""
    ink: Ink = "auto"
    """Of a foreign classifier: how it wants to see ink."""
    scale: Scale = "auto"
    """Of a foreign classifier: what black and white are to it."""
    temperature: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    """Of a foreign classifier: its logits are divided by it. `edge-daemon model evaluate` says which is right."""
