"""Builds tiny .tflite files: a linear classifier of digits in any shape and dtype, also compiled for an Edge TPU.

The slots and enumerations are those of TensorFlow Lite's schema.fbs, version 3.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS
from edge_daemon.inference.normalise import as_it_is
from edge_daemon.sources.simulated.handwriting import Writer, coverage

TYPES = {"float32": 0, "int32": 2, "uint8": 3, "int8": 9}
FULLY_CONNECTED, CUSTOM = 9, 32
FULLY_CONNECTED_OPTIONS = 8


@cache
def weights(height: int, width: int) -> NDArray[np.float32]:
    """(11, height * width + 1): ridge regression on digits that the project draws; the last row is below all others."""
    drawn = [as_it_is(ink(digit, seed), height, width) for seed in range(100, 130) for digit in DIGITS]
    x = np.array([np.append(picture.ravel() / 255, 1.0) for picture in drawn])
    y = np.tile(np.eye(10), (30, 1)) * 10 - 5
    solved = np.linalg.solve(x.T @ x + 5 * np.eye(x.shape[1]), x.T @ y).T
    return np.vstack((solved, np.append(np.zeros(x.shape[1] - 1), -20.0))).astype(np.float32)


def ink(digit: str, seed: int) -> NDArray[np.uint8]:
    """A digit of the project's own handwriting, (80, 80)."""
    strokes = [s * 50 + np.array([12, 12], np.float32) for s in Writer(seed).digit(digit)]
    return coverage((80, 80), strokes, 4.5)


@dataclass
class Tensor:
    shape: tuple[int, ...]
    dtype: str
    data: bytes = b""
    scale: float = 0.0
    zero: int = 0


@dataclass
class Op:
    code: int
    inputs: list[int]
    outputs: list[int]
    custom: str = ""


@dataclass
class Graph:
    tensors: list[Tensor]
    inputs: list[int]
    outputs: list[int]
    ops: list[Op] = field(default_factory=list)


def linear(
    shape: tuple[int, ...] = (1, 28, 28),
    dtype: str = "float32",
    scores: int = 10,
    dark: bool = False,
    white: float = 1.0,
    labels: list[str] | None = None,
    edgetpu: bool = False,
) -> bytes:
    """A digit classifier: one matrix product whose output is the logits. `shape`: of its input, with the batch.

    `dark`: it expects dark ink on white. `white`: the value of white (black is 0). `labels` are appended as TFLite
    metadata are. `edgetpu`: the same as one op that only an Edge TPU (the one of tests/inference/edgetpu.c) knows.
    """
    height, width, *channels = shape[1:]
    w = weights(height, width)[:scores]
    matrix, bias = w[:, :-1].copy(), w[:, -1].copy()
    if dark:  # w (1 - x) + b
        bias += matrix.sum(axis=1)
        matrix *= -1
    if channels == [3]:
        matrix = np.repeat(matrix, 3, axis=1) / 3
    if dtype == "float32":
        matrix = matrix / white
        tensors = [Tensor(shape, dtype), Tensor(matrix.shape, dtype, matrix.astype(np.float32).tobytes())]
        tensors += [Tensor(bias.shape, dtype, bias.astype(np.float32).tobytes()), Tensor((1, scores), dtype)]
    else:
        tensors = _quantised(shape, dtype, matrix, bias)
    if edgetpu:
        op = Op(CUSTOM, [0], [1], "edgetpu-custom-op")
        return write(Graph([tensors[0], tensors[3]], [0], [1], [op])) + _packed(labels)
    return write(Graph(tensors, [0], [3], [Op(FULLY_CONNECTED, [0, 1, 2], [3])])) + _packed(labels)


def _quantised(
    shape: tuple[int, ...], dtype: str, matrix: NDArray[np.float32], bias: NDArray[np.float32]
) -> list[Tensor]:
    """8 bits throughout; 0..1 goes in, logits from -24 to 24 come out."""
    low = -128 if dtype == "int8" else 0
    step = float(np.abs(matrix).max()) / 127
    q = np.round(matrix / step).astype(int)
    return [
        Tensor(shape, dtype, scale=1 / 255, zero=low),
        Tensor(matrix.shape, dtype, (q if low else q + 128).astype(dtype).tobytes(), step, 0 if low else 128),
        Tensor(bias.shape, "int32", np.round(bias / (step / 255)).astype(np.int32).tobytes(), step / 255),
        Tensor((1, len(bias)), dtype, scale=48 / 255, zero=low + 128),
    ]


def _packed(labels: list[str] | None) -> bytes:
    if labels is None:
        return b""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("labels.txt", "\n".join(labels))
    return packed.getvalue()


def write(graph: Graph) -> bytes:
    """The graph as a flatbuffer."""
    b = flatbuffers.Builder(1024)
    buffers = [_table(b, 1, {})]
    tensors = []
    for i, tensor in enumerate(graph.tensors):
        buffers.append(_table(b, 1, {0: ("offset", _bytes(b, tensor.data))} if tensor.data else {}))
        fields: dict[int, tuple[str, Any]] = {
            0: ("offset", _vector(b, "Int32", tensor.shape)),
            1: ("Int8", TYPES[tensor.dtype]),
            2: ("Uint32", i + 1),
            3: ("offset", b.CreateString(f"tensor{i}")),
        }
        if tensor.scale:
            scale, zero = _vector(b, "Float32", [tensor.scale]), _vector(b, "Int64", [tensor.zero])
            fields[4] = ("offset", _table(b, 7, {2: ("offset", scale), 3: ("offset", zero)}))
        tensors.append(_table(b, 8, fields))
    codes, ops = [], []
    for i, op in enumerate(graph.ops):
        code: dict[int, tuple[str, Any]] = {0: ("Int8", op.code), 2: ("Int32", 1), 3: ("Int32", op.code)}
        inputs, outputs = _vector(b, "Int32", op.inputs), _vector(b, "Int32", op.outputs)
        doing: dict[int, tuple[str, Any]] = {0: ("Uint32", i), 1: ("offset", inputs), 2: ("offset", outputs)}
        if op.custom:
            code[1] = ("offset", b.CreateString(op.custom))
            doing[5] = ("offset", _bytes(b, b"\0"))
        else:
            doing |= {3: ("Uint8", FULLY_CONNECTED_OPTIONS), 4: ("offset", _table(b, 4, {}))}
        codes.append(_table(b, 4, code))
        ops.append(_table(b, 9, doing))
    inputs, outputs = _vector(b, "Int32", graph.inputs), _vector(b, "Int32", graph.outputs)
    subgraph = _table(
        b,
        5,
        {
            0: ("offset", _offsets(b, tensors)),
            1: ("offset", inputs),
            2: ("offset", outputs),
            3: ("offset", _offsets(b, ops)),
        },
    )
    parts = _offsets(b, codes), _offsets(b, [subgraph]), _offsets(b, buffers)
    model = {0: ("Uint32", 3), 1: ("offset", parts[0]), 2: ("offset", parts[1]), 4: ("offset", parts[2])}
    b.Finish(_table(b, 8, model), file_identifier=b"TFL3")
    return bytes(b.Output())


def _table(b: Any, slots: int, fields: dict[int, tuple[str, Any]]) -> int:
    b.StartObject(slots)
    for slot, (kind, value) in fields.items():
        if kind == "offset":
            b.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(b, f"Prepend{kind}Slot")(slot, value, None)
    return int(b.EndObject())


def _vector(b: Any, kind: str, values: Any) -> int:
    size = {"Int32": 4, "Float32": 4, "Int64": 8}[kind]
    b.StartVector(size, len(values), size)
    for value in reversed(values):
        getattr(b, f"Prepend{kind}")(value)
    return int(b.EndVector())


def _offsets(b: Any, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _bytes(b: Any, content: bytes) -> int:
    b.StartVector(1, len(content), 16)
    b.head -= len(content)
    b.Bytes[b.head : b.head + len(content)] = content
    return int(b.EndVector())
