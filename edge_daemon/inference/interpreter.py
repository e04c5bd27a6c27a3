"""The interface between networks and the library that runs them. An adapter of a library implements it (tflite.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray


class Tensor(NamedTuple):
    """One input or output of a network."""

    shape: tuple[int, ...]
    """The first number is the batch size."""
    signature: tuple[int, ...]
    """The same, with -1 where any size fits."""
    dtype: Any
    """The numpy type, such as numpy.uint8."""
    scale: float
    """A quantised value q stands for (q - zero) * scale; 0: not quantised, or not stated."""
    zero: int

    @property
    def quantization(self) -> tuple[float, int]:
        """(scale, zero)."""
        return self.scale, self.zero


class Interpreter(Protocol):
    """A network file that is loaded. Use it in one thread."""

    def inputs(self) -> Sequence[Tensor]:
        """The tensors that it takes."""

    def outputs(self) -> Sequence[Tensor]:
        """The tensors that it gives; of final shape after `prepare`."""

    def operators(self) -> Sequence[str]:
        """The name of each operator, in the order in which they run."""

    def prepare(self, shape: tuple[int, ...] | None = None) -> None:
        """Make it ready to run, with an input of this shape where one is given. Raises RuntimeError or ValueError."""

    def run(self, picture: NDArray[Any]) -> NDArray[Any]:
        """The first output for the first input, in the dtypes and shapes of the network.

        Raises RuntimeError or ValueError.
        """

    def reset(self) -> None:
        """Forget what a recurrent network remembers of earlier inputs."""


class Runtime(Protocol):
    """A library that runs networks."""

    package: str
    """The name of its package, a key of runtime.RUNTIMES."""
    why: str
    """Which library it is, and why this one, in a sentence."""

    def open(self, content: bytes, plain: bool = False) -> Interpreter:
        """Load a network file, whose bytes must be trusted. `plain`: without optimisations that hide operators.

        Raises RuntimeError or ValueError where it does not load.
        """

    def with_delegate(self, library: str) -> Runtime:
        """The same library, running networks on a device through a delegate (a shared library).

        Raises ValueError or OSError where the device cannot be used, AttributeError where the delegate does not fit.
        """
