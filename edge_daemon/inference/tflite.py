"""Adapter of the two TFLite libraries, ai-edge-litert and tflite-runtime: both have the same class `Interpreter`."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from edge_daemon.inference.interpreter import Tensor

MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""Package -> the module with its class `Interpreter`."""


def load(package: str) -> TfliteRuntime:
    """The adapter of a package. Raises ImportError where that is not installed."""
    return TfliteRuntime(package, importlib.import_module(MODULES[package]))


class TfliteRuntime:
    """interpreter.Runtime of one package."""

    def __init__(self, package: str, module: Any, delegates: Sequence[Any] = ()) -> None:
        self.package, self.why = package, f"{package} runs the networks"
        self._module, self._delegates = module, list(delegates)

    def open(self, content: bytes, plain: bool = False) -> TfliteInterpreter:
        """See interpreter.Runtime."""
        options: dict[str, Any] = {"experimental_delegates": self._delegates} if self._delegates else {}
        if plain:
            options["experimental_op_resolver_type"] = self._module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        with stderr_discarded():
            return TfliteInterpreter(self._module.Interpreter(model_content=content, num_threads=1, **options))

    def with_delegate(self, library: str) -> TfliteRuntime:
        """See interpreter.Runtime."""
        return TfliteRuntime(self.package, self._module, [self._module.load_delegate(library)])


class TfliteInterpreter:
    """interpreter.Interpreter of one .tflite file, running in one thread."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._input = self._output = 0

    def inputs(self) -> list[Tensor]:
        """See interpreter.Interpreter."""
        return [_tensor(details) for details in self._interpreter.get_input_details()]

    def outputs(self) -> list[Tensor]:
        """See interpreter.Interpreter."""
        return [_tensor(details) for details in self._interpreter.get_output_details()]

    def operators(self) -> list[str]:
        """See interpreter.Interpreter."""
        return [op["op_name"] for op in self._interpreter._get_ops_details()]  # neither package has a public way

    def prepare(self, shape: tuple[int, ...] | None = None) -> None:
        """See interpreter.Interpreter."""
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        if shape is not None:
            self._interpreter.resize_tensor_input(self._input, shape)
        with stderr_discarded():
            self._interpreter.allocate_tensors()

    def run(self, picture: NDArray[Any]) -> NDArray[Any]:
        """See interpreter.Interpreter."""
        self._interpreter.set_tensor(self._input, picture)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_tensor(self._output)
        return output

    def reset(self) -> None:
        """See interpreter.Interpreter."""
        self._interpreter.reset_all_variables()


@contextmanager
def stderr_discarded() -> Iterator[None]:
    """Discard what is written to stderr: tflite-runtime reports its kernels for float32 there, and no option turns
    that off. Errors are raised as exceptions."""
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def _tensor(details: dict[str, Any]) -> Tensor:
    shape = tuple(int(n) for n in details["shape"])
    signature = tuple(int(n) for n in details.get("shape_signature", shape))
    scale, zero = details["quantization"]
    return Tensor(shape, signature, details["dtype"], float(scale), int(zero))
