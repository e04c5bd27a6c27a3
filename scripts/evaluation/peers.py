"""RapidOCR (PP-OCR networks, extra `peers`): the whole program on photos, its recogniser alone on fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Box, Number, Status
from edge_daemon.second_opinion.engine import LineReader
from edge_daemon.sources.image_file import load_colour
from scripts.evaluation import fields
from scripts.evaluation.sets import Field, runs

PARAMETERS = {
    "Global.max_side_len": 960,
    "Global.log_level": "error",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
"""Pictures at most 960 px long: its best setting on ours."""
MIN_SCORE = 0.5
"""The score below which RapidOCR itself drops a text."""


class RapidOcr:
    """The program with its networks, on one core."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine = RapidOCR(params=PARAMETERS)
        self._lines = LineReader()

    def read(self, path: Path) -> list[Number]:
        """The texts in a photo, in reading order."""
        found: Any = self._engine(load_colour(str(path)), use_det=True, use_cls=True, use_rec=True)
        if found.txts is None:
            return []
        texts = zip(found.txts, found.scores, found.boxes, strict=True)
        return in_lines([number_of(str(text), float(score), around(box)) for text, score, box in texts])

    def recognise(self, several: Sequence[Field]) -> list[fields.Said]:
        """The number in each field, which is taken for one line of text: the detector finds little in tight fields."""
        return [self._recognise(field) for field in several]

    def _recognise(self, field: Field) -> fields.Said:
        text, score = self._lines.read_text(field.pixels)
        numbers = runs(text)
        if len(numbers) != 1:
            return fields.NOTHING._replace(status="no_digits" if not numbers else "several_numbers")
        status = Status.OK if score >= MIN_SCORE else Status.LOW_CONFIDENCE
        return fields.Said(numbers[0], status.value, score, ((numbers[0], score),))


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
