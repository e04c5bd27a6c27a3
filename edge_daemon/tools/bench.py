"""Measures how long each stage takes on this machine, and compares it with the least time any program needs (the
floor).

The floor of a frame: read every pixel once, and run a network of one operator for each digit. It is not a goal. Times
differ between machines; multiples of the floor differ less.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import process_time

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Frame, Grey
from edge_daemon.fields import extract, perspective
from edge_daemon.inference.manifest import ModelFile, models_folder, read_file
from edge_daemon.inference.network import Network
from edge_daemon.inference.options import ModelOptions
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.recognition.ink import Blob
from edge_daemon.recognition.lattice import decode
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.recognition.segment import segment
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.tools.stopwatch import Lap, Stopwatch, TimedClassifier

STAGES = {
    "capture": "the simulated camera draws a frame; a real one delivers it",
    "cut": "a field as large as the frame is cut out and set upright; all else here is without fields",
    "segment": "finds ink, its pieces, lines and lattices",
    "sieve": "decides which pieces of ink may be digits",
    "classify": "glyphs are normalised and classified",
    "read": "finds the best paths through the lattices",
    "whole": "segment to read as the daemon calls them, measured separately",
}
ROUNDS = 20
"""Measurements of each kind of frame."""
BUDGET = 25.0
"""Seconds of CPU after which no round is started: on a slow machine there are fewer."""
SIZES = (640, 480), (1280, 720), (1920, 1080)
"""Frame sizes, width and height in pixels."""
PAGES = {10: 3, 0: 0}
"""Digits on the page -> numbers that PAGE's camera writes for that."""
PAGE = SimulatedOptions(seed=0, surface="paper", hold=1e6, realtime=False)
FIELD = (0.0, 0.0, 1.0, 1.0)
"""A field as large as the frame."""
STILL = {
    0: [],
    1: [(0.1, 0.4, 0.3, 0.15)],
    4: [(0.05, 0.1, 0.3, 0.15), (0.6, 0.1, 0.3, 0.15), (0.05, 0.7, 0.3, 0.15), (0.6, 0.7, 0.3, 0.15)],
}
"""Number of fields -> their regions, in fractions of the frame; 0: the whole frame is searched."""
FLOOR = ModelFile("floor.tflite", "f747e03dd52e71494fcaf9cf419977e178c288f82da03a3564d5e995eab95910", 952)
"""Made by scripts/training/common/floor.py."""
FLOOR_PICTURE = (28, 28, 1)
"""Shape of its input."""
REPEATS = 20
"""Calls that are timed together where one is too short for the clock."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The time of one stage."""

    ms: float
    """Milliseconds of CPU, the median of all rounds."""
    multiple: float
    """That divided by the floor of the same frames."""


@dataclass(frozen=True, slots=True)
class View:
    """The results for one kind of frame."""

    size: tuple[int, int]
    """Width and height in pixels."""
    digits: int
    touch_ms: float
    """Milliseconds to read every pixel once."""
    floor_ms: float
    """Milliseconds of the floor: that, and one run of a network of one operator for each digit."""
    still: dict[int, Cost]
    """Number of fields (see STILL) -> the time to find that nothing has changed, which is all that most frames need; as
    a multiple of reading every pixel once."""
    stages: dict[str, Cost]
    """Stage (see STAGES) -> its time."""


@dataclass(frozen=True, slots=True)
class Result:
    """All measurements, and the machine."""

    processor: str
    interpreter: str
    """Which library runs the networks, and why."""
    model: str
    rounds: int
    invoke_ms: float
    """Milliseconds of one run of a network of one operator, with input and output."""
    views: list[View]


def measure(rounds: Iterable[int] = range(ROUNDS)) -> Result:
    """Measure all kinds of frame in each of `rounds`, at least in one, until BUDGET is used up.

    Everything runs in one thread; OpenCV keeps that setting. Raises ModelError, or RuntimeMissingError.
    """
    cv2.setNumThreads(1)
    start = process_time()
    reader = open_reader(ModelOptions())
    floor = floor_network()
    kinds = [(size, digits) for size in SIZES for digits in PAGES]
    cameras = [(frames(*kind), reader.fresh(), resting()) for kind in kinds]
    for camera in cameras:  # the first frame takes longer to draw, and the first call fills caches
        look(*camera, floor)
    laps: list[list[Lap]] = []
    for _ in rounds:
        laps.append([look(*camera, floor) for camera in cameras])
        if process_time() - start > BUDGET:
            break
    invoke = middle((lap for row in laps for lap in row), "invoke") / REPEATS
    views = [view(*kind, column, invoke) for kind, column in zip(kinds, zip(*laps, strict=True), strict=True)]
    return Result(processor(), find_runtime().why, reader.classifier.name, len(laps), invoke, views)


def frames(size: tuple[int, int], digits: int) -> Iterator[Frame]:
    """Endless frames of a page with this number of digits (a key of PAGES)."""
    return filter(None, SimulatedCamera(replace(PAGE, size=size, numbers=PAGES[digits])).frames(tick=1.0))


def resting() -> dict[int, extract.FieldExtractor]:
    """Number of fields -> a field extractor with them."""
    return {n: extract.FieldExtractor([extract.FieldRegion(f"n{i}", r) for i, r in enumerate(STILL[n])]) for n in STILL}


def look(camera: Iterator[Frame], reader: Reader, still: dict[int, extract.FieldExtractor], floor: Network) -> Lap:
    """The times of all stages for one frame, and of the parts of its floor. `still` has processed the frame before."""
    watch = Stopwatch()
    classifier = TimedClassifier(watch, reader.classifier, reader.classifier.name, reader.classifier.backend)

    def filter_ink(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
        return watch.time("sieve", reader.sieve.filter, ink, blobs)

    frame = watch.time("capture", next, camera)
    watch.time("cut", perspective.cut, frame.pixels, perspective.corners(FIELD, 0, frame.pixels.shape[::-1]))
    for n, waiting in still.items():
        waiting.cut(frame, ())  # a change since the lap before is found here, and not timed
        delivered = [replace(frame, pixels=frame.pixels.copy()) for _ in range(REPEATS)]
        watch.time("seen", lambda them: [cv2.sumElems(one.pixels) for one in them], delivered)
        watch.time(f"still {n}", lambda them, cut: [cut(one, ()) for one in them], delivered, waiting.cut)
    patch = extract.whole_frame(frame)
    lines = watch.time("segment", segment, patch, filter_ink)
    watch.time("read", decode, lines, classifier)
    watch.time("whole", reader.read, extract.whole_frame(frame))
    watch.time("touch", lambda: [cv2.sumElems(frame.pixels) for _ in range(REPEATS)])
    watch.time("invoke", floor.logits, np.zeros((REPEATS, *FLOOR_PICTURE), np.uint8))
    return watch.lap


def view(size: tuple[int, int], digits: int, laps: Sequence[Lap], invoke: float) -> View:
    """The medians of one kind of frame; `invoke` in milliseconds."""
    touch = middle(laps, "touch") / REPEATS
    floor = touch + digits * invoke
    seen = middle(laps, "seen") / REPEATS / len(STILL)
    still = {n: Cost(ms := middle(laps, f"still {n}") / REPEATS, ms / seen) for n in STILL}
    stages = {name: Cost(ms := middle(laps, name), ms / floor) for name in STAGES}
    return View(size, digits, touch, floor, still, stages)


def middle(laps: Iterable[Lap], name: str) -> float:
    """The median of a stage in milliseconds; 0 for a stage that had nothing to do."""
    return 1000 * median(lap[name] for lap in laps)


def floor_network() -> Network:
    """The network of one operator, which gives the brightest pixel. Raises ModelError, or RuntimeMissingError."""
    content = read_file(models_folder(), FLOOR)
    return Network(find_runtime(), content, FLOOR.name, FLOOR_PICTURE, 1)


def processor() -> str:
    """The name of the board if Linux knows it (a Pi), else of the processor, else its architecture."""
    facts = Path("/proc/cpuinfo")
    rows = [line.partition(":") for line in facts.read_text().splitlines()] if facts.exists() else []
    named = {key.strip(): value.strip() for key, _, value in rows}
    return named.get("Model") or named.get("model name") or platform.machine()


def as_table(result: Result) -> str:
    """A table as text: a row for each stage, a column for each kind of frame."""
    views = result.views
    rows = [
        ["", *("{}x{}".format(*v.size) for v in views)],
        ["", *(f"{v.digits or 'no'} digits" for v in views)],
        ["floor", *(f"{v.floor_ms:.3f}      " for v in views)],
        *([f"still {n}", *(f"{(c := v.still[n]).ms:.3f} ×{c.multiple:<4.1f}" for v in views)] for n in STILL),
        *([name, *(f"{(c := v.stages[name]).ms:.2f} ×{c.multiple:<4.0f}" for v in views)] for name in STAGES),
    ]
    return "\n".join(
        [
            *("".join((f"{row[0]:8}", *(f"{text:>12}" for text in row[1:]))).rstrip() for row in rows),
            "",
            f"Milliseconds of CPU in one thread (medians of {result.rounds} rounds), and multiples of the floor:",
            f"every pixel read once, and a network of one operator ({result.invoke_ms:.4f} ms) run for each digit.",
            "  still N   nothing has changed in N fields (0: in the frame), so nothing is read; a multiple of the",
            "            time to read every pixel of the same frames once, each frame in memory of its own",
            *(f"  {name:8}  {what}" for name, what in STAGES.items()),
            f"Measured on {result.processor} with {result.model}; {result.interpreter}.",
        ]
    )
