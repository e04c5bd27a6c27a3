"""How long each stage of the path takes on this machine, beside the least that any program could take.

The floor of a frame: touch every pixel once, and invoke a network of one op for each digit on it. It is no goal. Times
differ from machine to machine; multiples of the floor less so, and they ask of each stage what it gives for them.
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
    "cut": "a field as large as the frame is set upright; without fields (all else here) nothing is cut",
    "segment": "paper and ink, pieces, lines, lattices",
    "sieve": "which pieces of ink may be digits",
    "classify": "glyphs are normalised and classified",
    "read": "the ways through the lattices",
    "whole": "segment to read as the daemon calls them, in a measurement of its own",
}
ROUNDS = 20
BUDGET = 25.0
"""Seconds of CPU after which no round is begun: on a slow machine there are fewer."""
SIZES = (640, 480), (1280, 720), (1920, 1080)
PAGES = {10: 3, 0: 0}
"""Digits on the page -> the numbers that PAGE's camera writes to get there."""
PAGE = SimulatedOptions(seed=0, surface="paper", hold=1e6, realtime=False)
FIELD = (0.0, 0.0, 1.0, 1.0)
STILL = {
    0: [],
    1: [(0.1, 0.4, 0.3, 0.15)],
    4: [(0.05, 0.1, 0.3, 0.15), (0.6, 0.1, 0.3, 0.15), (0.05, 0.7, 0.3, 0.15), (0.6, 0.7, 0.3, 0.15)],
}
"""Number of fields -> their regions, in fractions of the frame; 0: the whole frame is searched."""
FLOOR = ModelFile("floor.tflite", "f747e03dd52e71494fcaf9cf419977e178c288f82da03a3564d5e995eab95910", 952)
"""Made by scripts/training/common/floor.py."""
FLOOR_PICTURE = (28, 28, 1)
MANY = 20
"""Calls that are timed together where one alone is too short for the clock."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one stage."""

    ms: float
    """Milliseconds of CPU, the median of all rounds."""
    multiple: float
    """Of the floor of the same frames."""


@dataclass(frozen=True, slots=True)
class View:
    """One kind of frame."""

    size: tuple[int, int]
    """Width and height in pixels."""
    digits: int
    touch_ms: float
    """To touch every pixel once."""
    floor_ms: float
    """That, and one invocation of a network of one op for each digit."""
    still: dict[int, Cost]
    """To see that nothing has changed, which is all that is done with most frames, by the number of fields (see
    STILL); multiples of touching every pixel of the same frames once."""
    stages: dict[str, Cost]
    """By the names in STAGES."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, and on what."""

    processor: str
    interpreter: str
    """Which one, and why."""
    model: str
    rounds: int
    invoke_ms: float
    """One invocation of a network of one op: a picture put in, an answer taken out."""
    views: list[View]


def measure(rounds: Iterable[int] = range(ROUNDS)) -> Result:
    """Look at all views in each of `rounds` (one at least), one after the other, until BUDGET is spent.

    In one thread, and OpenCV is left with one. Raises ModelError, or RuntimeMissingError without an interpreter.
    """
    cv2.setNumThreads(1)
    start = process_time()
    reader = open_reader(ModelOptions())
    floor = floor_network()
    kinds = [(size, digits) for size in SIZES for digits in PAGES]
    cameras = [(frames(*kind), reader.fresh(), resting()) for kind in kinds]
    for camera in cameras:  # the first frame is drawn from nothing, the first call fills caches
        look(*camera, floor)
    laps: list[list[Lap]] = []
    for _ in rounds:
        laps.append([look(*camera, floor) for camera in cameras])
        if process_time() - start > BUDGET:
            break
    invoke = middle((lap for row in laps for lap in row), "invoke") / MANY
    views = [view(*kind, column, invoke) for kind, column in zip(kinds, zip(*laps, strict=True), strict=True)]
    return Result(processor(), find_runtime().why, reader.classifier.name, len(laps), invoke, views)


def frames(size: tuple[int, int], digits: int) -> Iterator[Frame]:
    """A page with so many digits (a key of PAGES), for ever."""
    return filter(None, SimulatedCamera(replace(PAGE, size=size, numbers=PAGES[digits])).frames(tick=1.0))


def resting() -> dict[int, extract.FieldExtractor]:
    """What waits for a change, by the number of fields."""
    return {n: extract.FieldExtractor([extract.FieldRegion(f"n{i}", r) for i, r in enumerate(STILL[n])]) for n in STILL}


def look(camera: Iterator[Frame], reader: Reader, still: dict[int, extract.FieldExtractor], floor: Network) -> Lap:
    """Take one frame along the path, and measure what its floor is made of. `still` has seen the one before."""
    watch = Stopwatch()
    classifier = TimedClassifier(watch, reader.classifier, reader.classifier.name, reader.classifier.backend)

    def sift(ink: Grey, blobs: Sequence[Blob]) -> NDArray[np.float32]:
        return watch.time("sieve", reader.sieve.filter, ink, blobs)

    frame = watch.time("capture", next, camera)
    watch.time("cut", perspective.cut, frame.pixels, perspective.corners(FIELD, 0, frame.pixels.shape[::-1]))
    for n, waiting in still.items():
        waiting.cut(frame, ())  # where anything has changed since the lap before, it is said here
        delivered = [replace(frame, pixels=frame.pixels.copy()) for _ in range(MANY)]
        watch.time("seen", lambda them: [cv2.sumElems(one.pixels) for one in them], delivered)
        watch.time(f"still {n}", lambda them, cut: [cut(one, ()) for one in them], delivered, waiting.cut)
    patch = extract.whole_frame(frame)
    lines = watch.time("segment", segment, patch, sift)
    watch.time("read", decode, lines, classifier)
    watch.time("whole", reader.read, extract.whole_frame(frame))
    watch.time("touch", lambda: [cv2.sumElems(frame.pixels) for _ in range(MANY)])
    watch.time("invoke", floor.logits, np.zeros((MANY, *FLOOR_PICTURE), np.uint8))
    return watch.lap


def view(size: tuple[int, int], digits: int, laps: Sequence[Lap], invoke: float) -> View:
    """The medians of one kind of frame; `invoke` in milliseconds."""
    touch = middle(laps, "touch") / MANY
    floor = touch + digits * invoke
    seen = middle(laps, "seen") / MANY / len(STILL)
    still = {n: Cost(ms := middle(laps, f"still {n}") / MANY, ms / seen) for n in STILL}
    stages = {name: Cost(ms := middle(laps, name), ms / floor) for name in STAGES}
    return View(size, digits, touch, floor, still, stages)


def middle(laps: Iterable[Lap], name: str) -> float:
    """The median in milliseconds; a stage that had nothing to do took none."""
    return 1000 * median(lap[name] for lap in laps)


def floor_network() -> Network:
    """The network of one op: the brightest pixel of a picture. Raises ModelError, or RuntimeMissingError."""
    content = read_file(models_folder(), FLOOR)
    return Network(find_runtime(), content, FLOOR.name, FLOOR_PICTURE, 1)


def processor() -> str:
    """The board where Linux names one (a Pi), else the processor's model, else its architecture."""
    facts = Path("/proc/cpuinfo")
    rows = [line.partition(":") for line in facts.read_text().splitlines()] if facts.exists() else []
    named = {key.strip(): value.strip() for key, _, value in rows}
    return named.get("Model") or named.get("model name") or platform.machine()


def as_table(result: Result) -> str:
    """For a person: a row for each stage, a column for each view."""
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
            f"every pixel touched once, and a network of one op ({result.invoke_ms:.4f} ms) invoked for each digit.",
            "  still N   nothing has changed in N fields (0: in the frame), so nothing is read; a multiple of touching",
            "            every pixel once of the same frames, each as it comes, in memory of its own",
            *(f"  {name:8}  {what}" for name, what in STAGES.items()),
            f"Measured on {result.processor} with {result.model}; {result.interpreter}.",
        ]
    )
