"""The readers: edge_daemon and others (extra `peers`), each on one core in a process; decoding is not counted."""

from __future__ import annotations

import csv
import io
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Frame, Grey, Number


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture read by one reader."""

    numbers: list[Number]
    """In reading order; texts of other programs may contain any characters."""
    cpu: float
    """Seconds of processor time."""


Read = Callable[[Grey], Reading]
Progress = Callable[[int], None]


def ours() -> Read:
    """The daemon's own recognition, each picture for itself."""
    from edge_daemon.fields.extract import whole_frame
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.recognition.reader import open_reader

    cv2.setNumThreads(1)
    reader = open_reader(ModelOptions())

    def read(picture: Grey) -> Reading:
        began = time.process_time()
        numbers = reader.fresh().read(whole_frame(Frame(0, 0.0, 0.0, picture)))
        cpu = time.process_time() - began
        return Reading(numbers, cpu)

    return read


def rapidocr() -> Read:
    """RapidOCR (PP-OCR networks), its pictures at most 960 px long: its best setting on ours."""
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "Global.max_side_len": 960,
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(picture: Grey) -> Reading:
        colour = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
        began = time.process_time()
        found: Any = engine(colour)
        cpu = time.process_time() - began
        if found.txts is None:
            return Reading([], cpu)
        texts = zip(found.txts, found.scores, found.boxes, strict=True)
        return Reading(in_lines([number_of(str(text), float(score), around(box)) for text, score, box in texts]), cpu)

    return read


def number_of(text: str, confidence: float, box: Box) -> Number:
    return Number(box, ((text, confidence),), ())


def around(corners: NDArray[Any]) -> Box:
    """The upright box around corners (n, 2)."""
    x, y, w, h = cv2.boundingRect(np.asarray(corners, np.float32))
    return x, y, w, h


def in_lines(numbers: Sequence[Number]) -> list[Number]:
    """Sorts into reading order: boxes at one height are a line, left to right."""
    lines: list[list[Number]] = []
    for number in sorted(numbers, key=lambda n: n.box[1] + n.box[3] / 2):
        _, y, _, h = lines[-1][0].box if lines else (0, 0, 0, 0)
        if lines and number.box[1] < y + h / 2 < number.box[1] + number.box[3]:
            lines[-1].append(number)
        else:
            lines.append([number])
    return [number for line in lines for number in sorted(line, key=lambda n: n.box[0])]


def tesseract() -> Read:
    """Tesseract, digits only, sparse text. Its start-up time counts: it is a program, not a library."""

    def read(picture: Grey) -> Reading:
        png = cv2.imencode(".png", picture)[1].tobytes()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["tesseract", "-", "-", "--psm", "11", "-c", "tessedit_char_whitelist=0123456789", "tsv"]
        alone = dict(os.environ, OMP_THREAD_LIMIT="1")
        run = subprocess.run(command, input=png, capture_output=True, check=True, env=alone)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows = csv.DictReader(io.StringIO(run.stdout.decode()), delimiter="\t", quoting=csv.QUOTE_NONE)
        found = [
            number_of(row["text"], float(row["conf"]) / 100, box_of(row)) for row in rows if (row["text"] or "").strip()
        ]
        return Reading(found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    return read


def box_of(row: dict[str, str]) -> Box:
    return int(row["left"]), int(row["top"]), int(row["width"]), int(row["height"])


READERS: dict[str, Callable[[], Read]] = {"edge-daemon": ours, "RapidOCR": rapidocr, "Tesseract": tesseract}
PEERS = ("RapidOCR", "Tesseract")

_reader: list[Read] = []  # of this process


def _open(name: str) -> None:
    _reader[:] = [READERS[name]()]


def _read(path: Path) -> Reading | None:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else _reader[0](np.asarray(picture, np.uint8))


def read_all(name: str, paths: Sequence[Path], progress: Progress) -> list[Reading | None]:
    """Each picture read by the reader of that name, in a process of its own; None if it is not a picture."""
    found = []
    with ProcessPoolExecutor(1, get_context("spawn"), _open, (name,)) as alone:
        for done, reading in enumerate(alone.map(_read, paths), 1):
            found.append(reading)
            progress(done)
    return found


def peak_memory(paths: Sequence[Path]) -> float:
    """Peak memory of `edge-daemon read` on these pictures, MB."""
    script = (
        "import resource, runpy, sys; sys.argv = ['edge-daemon', 'read', '--json', *sys.argv[1:]]\n"
        "try: runpy.run_module('edge_daemon', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True, check=True, text=True)
    return int(run.stderr.split()[-1]) / 1000
