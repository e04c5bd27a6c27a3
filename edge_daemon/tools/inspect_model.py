"""Shows what a model file is, and which libraries run it here: `edge-daemon model check`. It runs in child
processes."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import msgspec

from edge_daemon.domain import DIGITS, Glyph
from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference.classifier import is_foreign, load
from edge_daemon.inference.digits import find_model, read_manifest
from edge_daemon.inference.foreign import ForeignClassifier, cpu_file, golden_digits
from edge_daemon.inference.interpreter import Tensor
from edge_daemon.inference.manifest import read_file
from edge_daemon.inference.options import ModelOptions
from edge_daemon.inference.runtime import RUNTIMES, default_kind, find_runtime
from edge_daemon.model_store.acceptance import seconds_per_glyph
from edge_daemon.system.child_process import call

TPU_OPS = frozenset(
    """ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC
    MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
    RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE
    STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM""".split()  # noqa: SIM905
)
"""Operators that the Edge TPU compiler supports in int8 or uint8: https://coral.ai/docs/edgetpu/models-intro/"""


def inspect(options: ModelOptions) -> tuple[list[str], bool]:
    """Lines of text, and whether the model runs with any library here. Raises ModelError where there is no model."""
    file, content = network_file(options)
    lines = [f"file      {file.name}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"]
    described, runs = False, False
    for package in RUNTIMES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package}: not installed here, not tried")
            continue
        given = msgspec.json.encode(asdict(options) | {"runtime": package}).decode()
        try:
            if not described:
                lines += call("edge_daemon.tools.inspect_model:structure", given)
                described = True
            lines += [
                f"{package} {version}: {line}" for line in call("edge_daemon.tools.inspect_model:performance", given)
            ]
            runs = True
        except ModelError as error:
            lines.append(f"{package} {version}: {error}")
        except ChildError as error:
            lines.append(f"{package} {version}: the process that tried this file {error}; do not use it")
    return lines, runs


def network_file(options: ModelOptions) -> tuple[Path, bytes]:
    """The .tflite file that `options` name, and its bytes. Raises ModelError."""
    if is_foreign(options):
        file = Path(options.path).expanduser()
        try:
            return file, file.read_bytes()
        except OSError as error:
            raise ModelError(f"{file} cannot be read: {error.strerror}") from error
    manifest, kind = find_model(options.path)
    kind = kind or default_kind(options.runtime)
    facts = read_manifest(manifest)
    if kind not in facts.files:
        raise ModelError(f"{manifest} names no {kind} network")
    return manifest.with_name(facts.files[kind].name), read_file(manifest.parent, facts.files[kind])


# In the child


def structure(given: str) -> list[str]:
    """Lines about input, output and operators. Raises ModelError."""
    options = msgspec.json.decode(given, type=ModelOptions)
    file, content = network_file(options)
    runtime = find_runtime(options.runtime)
    try:
        interpreter = runtime.open(content, plain=True)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{file.name} does not load: {' '.join(str(error).split())}") from error
    lines = [f"takes     {_tensor(tensor)}" for tensor in interpreter.inputs()]
    lines += [f"gives     {_tensor(tensor)}" for tensor in interpreter.outputs()]
    ops = Counter(interpreter.operators())
    lines.append("ops       " + ", ".join(f"{name} {count}" for name, count in sorted(ops.items())))
    if "edgetpu-custom-op" in ops:
        lines.append(f"Edge TPU  compiled for it; measured on the CPU is {cpu_file(file).name}")
    elif foreign := sorted(ops.keys() - TPU_OPS):
        lines.append(
            f"Edge TPU  runs the operators before the first of {', '.join(foreign)}; the rest stays on the CPU"
        )
    else:
        lines.append("Edge TPU  runs all of these operators, where they are quantised")
    return lines


def performance(given: str) -> list[str]:
    """Lines about how many golden digits it reads, and how fast. Raises ModelError."""
    options = msgspec.json.decode(given, type=ModelOptions)
    model = load(options)
    inks = golden_digits()
    glyphs = [Glyph((0, 0, ink.shape[1], ink.shape[0]), ink) for ink in inks]
    right = sum(int(row.argmax()) == i % len(DIGITS) for i, row in enumerate(model.classify_inks(inks)))
    lines = [f"{right} of {len(inks)} golden digits right, {1e6 * seconds_per_glyph(model, glyphs):.0f} us a digit"]
    if isinstance(model, ForeignClassifier):
        kind = "probabilities" if model.probabilities else "logits"
        lines.append(f"input {model.input_format}; gives {kind} of {' '.join(model.labels)}")
    return lines


def _tensor(tensor: Tensor) -> str:
    quantised = f", quantised with scale {tensor.scale:.6g} and zero point {tensor.zero}" if tensor.scale else ""
    return f"{tensor.dtype.__name__} {tensor.signature}{quantised}"
