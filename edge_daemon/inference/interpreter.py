"""Network files and the interpreter that runs them: what is trusted before it is parsed.

A damaged .tflite file can segfault the runtime, and a wrong one can load and answer nonsense; so a manifest names the
hash of each file, and nothing is parsed whose hash was not checked.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

import edge_daemon
from edge_daemon.errors import ModelError, RuntimeMissingError

INTERPRETERS = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""Package -> module with the same class `Interpreter`; the first that can be imported is used."""


COMPANIONS = ("sieve", "strips")
"""What a digit model may bring: kind in its manifest, and name in theirs."""
LARGEST_MODEL = 32_000_000
"""Bytes that a model's files may have together."""
GOLDEN_TOLERANCE = 0.1
"""How far a golden picture's probability may be from the manifest's: runtimes round int8 differently."""


class ModelFile(msgspec.Struct, frozen=True):
    """One file that a manifest names."""

    name: str
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """What is known of any model without loading it. Keys that are not named are for people."""

    name: str
    version: str
    files: dict[str, ModelFile]
    """By kind: int8 and float32 (.tflite), golden (.png); of a digit model also the manifests of COMPANIONS."""
    temperature: dict[str, float]
    """By kind: logits are divided by it, so that of what is said with 0.9, nine in ten are right."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.bytes for file in self.files.values())


Facts = TypeVar("Facts", bound=Manifest)


class Runtime(NamedTuple):
    """The interpreter that was found."""

    interpreter: Any
    """The class `Interpreter` of the package."""
    why: str
    """Which one it is and why, in a sentence."""
    package: str
    """A key of INTERPRETERS."""
    module: Any


ANY = "auto"


def find_interpreter(package: str = ANY) -> Runtime:
    """Of this package; of any: ai-edge-litert if it is installed, else tflite-runtime. Raises RuntimeMissingError."""
    missing = []
    for name in INTERPRETERS if package == ANY else (package,):
        try:
            module = importlib.import_module(INTERPRETERS[name])
        except ImportError as error:
            missing.append(f"{name} cannot be imported ({error})")
        else:
            why = f"{name} reads the networks" + (f"; {'; '.join(missing)}" if missing else "")
            return Runtime(module.Interpreter, why, name, module)
    raise RuntimeMissingError(
        f"no TFLite interpreter: {'; '.join(missing)}. Run: pip install ai-edge-litert"
        " (Python 3.11 on a 32-bit Pi: pip install tflite-runtime==2.14.0 'numpy<2')"
    )


def usual_kind(package: str = ANY) -> str:
    """The kind of network that runs with precision = "auto": int8, but float32 on x86 with tflite-runtime.

    There int8 kernels take twice the time of float32 kernels. Raises RuntimeMissingError.
    """
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return "float32" if is_x86 and find_interpreter(package).package == "tflite-runtime" else "int8"


def models_folder() -> Path:
    """Where the bundled models lie: inside the package when installed, at the top of a checkout otherwise."""
    package = Path(edge_daemon.__file__).parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def bundled(name: str) -> Path:
    """The manifest of the model of this name that came with the program. Raises ModelError."""
    found = sorted(models_folder().glob(f"{name}-*.json"))
    if len(found) != 1:
        raise ModelError(
            f"{models_folder()} should hold one manifest {name}-*.json and holds {len(found)}; reinstall edge-daemon"
        )
    return found[0]


def decode(path: Path, manifest: type[Facts]) -> Facts:
    """A manifest file as the given Struct. Raises ModelError naming the file and what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(f"{path} is not a model manifest ({error}); reinstall the model") from error


def compare(path: Path, said: NDArray[np.float32], golden: Sequence[Any]) -> None:
    """What a network says of its golden pictures beside what its manifest at `path` promises. Raises ModelError."""
    off = float(np.abs(said - np.array(golden, np.float32)).max())
    if not off <= GOLDEN_TOLERANCE:
        raise ModelError(
            f"{path}: the network does not read its golden pictures as it should (off by {off:.2f}):"
            " model and runtime do not fit; install another ai-edge-litert, or reinstall the model"
        )


def read_file(folder: Path, file: ModelFile) -> bytes:
    """The bytes of one file of a model, exactly those that the manifest promises. Raises ModelError."""
    path = folder / file.name
    if Path(file.name).name != file.name:
        raise ModelError(f"{path}: a model's files lie beside its manifest; the name must not hold a folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); reinstall the model") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ModelError(
            f"{path} is damaged: its {len(content)} bytes are not the {file.bytes} that the manifest names"
            " (sha256 differs); reinstall the model"
        )
    return content


class Network:
    """One loaded .tflite file: a picture in, logits out."""

    def __init__(self, runtime: Any, content: bytes, name: str, picture: tuple[int, int, int], logits: int) -> None:
        """A network that takes one `picture` (h, w, channels) and gives so many `logits`.

        `content` must be trusted: parse nothing whose hash was not checked. Raises ModelError.
        """
        try:
            with silence():
                self._interpreter = runtime(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise ModelError(f"{name} does not load: {said}; reinstall the model") from error
        (takes,), (gives,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        _check("takes", name, takes, (1, *picture), (np.uint8, np.float32))
        _check("gives", name, gives, (1, logits), (np.uint8, np.int8, np.float32))
        if takes["dtype"] == np.uint8 and not np.allclose(takes["quantization"], (1 / 255, 0)):
            raise ModelError(f"{name} takes bytes scaled by {takes['quantization']}, not (1/255, 0); convert it anew")
        self._in, self._out = takes["index"], gives["index"]
        self._shape, self._width = (-1, 1, *picture), logits
        self._takes_bytes = takes["dtype"] == np.uint8
        quantised = gives["dtype"] != np.float32
        self._scale, self._zero = map(np.float32, gives["quantization"] if quantised else (1.0, 0.0))

    def logits(self, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 pictures -> (n, logits). One at a time: a fixed batch of 1 is the fastest that both runtimes do."""
        rows = np.zeros((len(pictures), self._width), np.float32)
        if len(pictures) == 0:
            return rows
        fed: NDArray[Any] = np.asarray(pictures).reshape(self._shape)
        if not self._takes_bytes:
            fed = fed * np.float32(1 / 255)
        for row, picture in zip(rows, fed, strict=True):
            self._interpreter.set_tensor(self._in, picture)
            self._interpreter.invoke()
            row[:] = self._interpreter.get_tensor(self._out)[0]
        return (rows - self._zero) * self._scale


@contextmanager
def silence() -> Iterator[None]:
    """Nothing reaches stderr: tflite-runtime announces there which kernels it takes for float32, and cannot be told not
    to. What goes wrong is raised."""
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Rows of logits -> rows of probabilities, summing to 1."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def open_network(
    path: Path, facts: Manifest, kind: str, load: Callable[[Any, bytes, str], Network], runtime: str = ANY
) -> Network:
    """The network of a kind that the manifest at `path` names, its bytes checked, on the interpreter `runtime`.

    `load` makes a Network of (interpreter, content, name). Raises ModelError, or RuntimeMissingError.
    """
    file = facts.files[kind]
    content = read_file(path.parent, file)
    return load(find_interpreter(runtime).interpreter, content, str(path.with_name(file.name)))


def _check(verb: str, name: str, tensor: Any, shape: tuple[int, ...], dtypes: tuple[Any, ...]) -> None:
    found = tuple(int(n) for n in tensor["shape"])
    if found != shape or tensor["dtype"] not in dtypes:
        wanted = " or ".join(np.dtype(dtype).name for dtype in dtypes)
        raise ModelError(
            f"{name} {verb} {np.dtype(tensor['dtype']).name} {found}, not {wanted} {shape}: not a model of ours"
        )
