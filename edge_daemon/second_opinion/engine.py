"""Reads cut-outs with the line recogniser of RapidOCR (networks of PP-OCR, Apache-2.0), from the extra `opinion`.

Other people trained it on other pictures, so it seldom makes the errors of the device's own networks. Its networks are
part of the package: nothing is downloaded.
"""

from __future__ import annotations

import base64
import os
import re
from typing import Any

import cv2
import numpy as np

from edge_daemon.domain import Candidate, Grey
from edge_daemon.errors import RuntimeMissingError
from edge_daemon.second_opinion.messages import decode_picture

MISSING = (
    "Install the extra `opinion` (RapidOCR): sudo scripts/install.sh --upgrade --with opinion,"
    " or pip install 'edge-daemon[opinion]'"
)
"""What to do where the engine is missing."""
NUMBER = re.compile(r"[-+=(]*([0-9][0-9.,:/]*)[-=.,:/)]*")
"""A text that is one number, with the signs that people write around one. A text with letters is no number."""
BLANKS = re.compile(r"\s+")


class LineReader:
    """The recogniser, without RapidOCR's search for lines: the cut-out is the line."""

    def __init__(self) -> None:
        """Raises RuntimeMissingError where the extra is not installed."""
        try:
            import rapidocr
        except ImportError as error:
            raise RuntimeMissingError(f"the engine of second opinions is not installed ({error}). {MISSING}") from None
        threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
        self._engine: Any = rapidocr.RapidOCR(params={"Global.log_level": "error", "Global.text_score": 0.0, **threads})
        self.name = "PP-OCR recogniser of RapidOCR"

    def read(self, pixels: Grey) -> tuple[Candidate, ...]:
        """The number in a cut-out (h, w), with its confidence; empty for no number."""
        text, confidence = self.read_text(pixels)
        digits = digits_in(text)
        return ((digits, confidence),) if digits else ()

    def read_text(self, pixels: Grey) -> Candidate:
        """Whatever is written on a line (h, w), with its confidence; "" for nothing."""
        colour = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_GRAY2BGR)
        found = self._engine(colour, use_det=False, use_cls=False, use_rec=True)
        return (str(found.txts[0]), float(found.scores[0])) if found.txts else ("", 0.0)


def digits_in(text: str) -> str:
    """The digits of a text that is one number; "" for any other text."""
    match = NUMBER.fullmatch(BLANKS.sub("", text))
    return "".join(char for char in match[1] if char.isdigit()) if match else ""


def read_picture(picture: str) -> dict[str, Any]:
    """The job of a child process: the base64 of a JPEG -> {"model": name, "candidates": [[text, confidence]]}.

    Raises RuntimeMissingError, and ValueError for a picture that is not a small JPEG.
    """
    os.nice(10)  # frames come first
    reader = LineReader()
    return {"model": reader.name, "candidates": reader.read(decode_picture(base64.b64decode(picture)))}
