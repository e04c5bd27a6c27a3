"""Pictures in files -> what is written there: the engine of `edge-daemon read`."""

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
class Answer:
    """What one picture says."""

    picture: Picture
    numbers: list[Number]
    """In reading order; boxes in pixels of the picture."""


def answers(path: str | PictureError, reader: Reader) -> Iterator[Answer | PictureError]:
    """One answer for each image or video frame in `path`, or why there is none."""
    reader = reader.fresh()  # the frames of a video have one orientation, pictures each their own
    for picture in [path] if isinstance(path, PictureError) else pictures([path]):
        if isinstance(picture, PictureError):
            yield picture
        else:
            frame = Frame(picture.index or 0, 0.0, 0.0, picture.pixels)
            yield Answer(picture, reader.read(whole_frame(frame)))


def as_json(answer: Answer) -> str:
    """One line of JSON; confidences are rounded to 4 places."""
    numbers = [_number(number) for number in answer.numbers]
    return json.dumps({"image": answer.picture.name, "numbers": numbers})


def as_text(answer: Answer) -> str:
    """One line for a person: the picture's name, and each number with its confidence."""
    frame = "" if answer.picture.index is None else f" frame {answer.picture.index}"
    said = [f"{number.text} ({number.confidence:.0%})" for number in answer.numbers]
    return f"{answer.picture.name}{frame}: {'  '.join(said) or 'no numbers'}"


def save_annotated(answer: Answer, folder: Path) -> None:
    """Write the picture with its numbers drawn in, below `folder` as it lay where it came from.

    Raises PictureError if that cannot be written, or would replace the picture itself.
    """
    name, index = answer.picture.name, answer.picture.index
    target = folder.joinpath(*(part for part in Path(name).parts if part not in ("/", "..")))
    if index is not None:
        target = target.with_name(f"{target.name}-{index:06d}.jpg")
    if target.resolve() == Path(name).resolve():
        raise PictureError(f"{folder}: {name} itself would be overwritten; name another folder")
    drawn = cv2.imencode(target.suffix, annotate(answer.picture.colour(), answer.numbers))[1]
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
