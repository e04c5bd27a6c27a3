"""Reads the numbers in picture and video files: `edge-daemon read`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from edge_daemon.domain import Candidate, Frame, Number
from edge_daemon.errors import PictureError
from edge_daemon.fields.extract import whole_frame
from edge_daemon.recognition.reader import Reader
from edge_daemon.sources.pictures import Picture, pictures
from edge_daemon.tools.annotate import annotate


@dataclass(frozen=True, slots=True, eq=False)
class PictureResult:
    """The numbers in one picture."""

    picture: Picture
    numbers: list[Number]
    """In reading order; boxes in pixels of the picture."""


def read_file(path: str | PictureError, reader: Reader) -> Iterator[PictureResult | PictureError]:
    """The result for each picture or video frame in `path`, or the error for one that cannot be read."""
    reader = reader.fresh()  # the frames of a video have one orientation, pictures each their own
    for picture in [path] if isinstance(path, PictureError) else pictures([path]):
        if isinstance(picture, PictureError):
            yield picture
        else:
            frame = Frame(picture.index or 0, 0.0, 0.0, picture.pixels)
            yield PictureResult(picture, reader.read(whole_frame(frame)))


def as_json(result: PictureResult) -> str:
    """One line of JSON; confidences are rounded to 4 places."""
    numbers = [_number(number) for number in result.numbers]
    return json.dumps({"image": result.picture.name, "numbers": numbers})


def as_text(result: PictureResult) -> str:
    """One line of text: the picture's name, and each number with its confidence."""
    frame = "" if result.picture.index is None else f" frame {result.picture.index}"
    texts = [f"{number.text} ({number.confidence:.0%})" for number in result.numbers]
    return f"{result.picture.name}{frame}: {'  '.join(texts) or 'no numbers'}"


def save_annotated(result: PictureResult, folder: Path) -> None:
    """Write the picture with its numbers drawn in, into `folder`, under the same path as the original.

    Raises PictureError if that cannot be written, or would replace the original.
    """
    name, index = result.picture.name, result.picture.index
    target = folder.joinpath(*(part for part in Path(name).parts if part not in ("/", "..")))
    if index is not None:
        target = target.with_name(f"{target.name}-{index:06d}.jpg")
    if target.resolve() == Path(name).resolve():
        raise PictureError(f"{folder}: {name} itself would be overwritten; name another folder")
    drawn = cv2.imencode(target.suffix, annotate(result.picture.colour(), result.numbers))[1]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(drawn.tobytes())
    except OSError as error:
        raise PictureError(f"{target}: cannot be written: {error.strerror}") from None


def _number(number: Number) -> dict[str, Any]:
    return {
        "text": number.text,
        "confidence": round(float(number.confidence), 4),
        "box": [int(side) for side in number.box],
        "candidates": _candidates(number.candidates),
        "digits": [
            {"top": _candidates(digit.top), "box": [int(side) for side in digit.box]} for digit in number.digits
        ],
    }


def _candidates(candidates: Iterable[Candidate]) -> list[tuple[str, float]]:
    return [(text, round(float(confidence), 4)) for text, confidence in candidates]
