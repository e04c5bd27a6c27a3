"""Reads the numbers in picture and video files: `edge-daemon read`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import cv2

from edge_daemon.domain import Candidate, Frame, Number
from edge_daemon.errors import PictureError
from edge_daemon.fields.extract import whole_frame
from edge_daemon.inference.options import ModelOptions
from edge_daemon.model_store.acceptance import accept_options
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.sources.pictures import Picture, pictures
from edge_daemon.tools.annotate import annotate

WRITABLE = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
"""Endings of image files that OpenCV writes, in lower case."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureResult:
    """The numbers in one picture."""

    picture: Picture
    numbers: list[Number]
    """In reading order; boxes in pixels of the picture."""


def open_picture_reader(model: str) -> Reader:
    """A reader for pictures that have nothing to do with each other. Raises ModelError or RuntimeMissingError."""
    options = ModelOptions(model)
    accept_options(options)
    return open_reader(options, check_every=0.0)


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


class Annotations:
    """A folder that takes each picture with its numbers drawn in, under the picture's own name.

    Of pictures from several folders that have the same name, the second is called NAME-2, and so on. A name without
    the ending of an image gets ".png" as well.
    """

    def __init__(self, folder: Path, originals: Iterable[str]) -> None:
        """`originals` are all pictures that will be read: none of them is ever replaced."""
        self._folder = folder
        self._originals = {Path(name).resolve() for name in originals}
        self._names: dict[str, str] = {}

    def save(self, result: PictureResult) -> None:
        """Write the picture. Raises PictureError if that cannot be done, or would replace an original."""
        target = self._target(result.picture)
        if target.resolve() in self._originals:
            raise PictureError(f"{self._folder}: {target} itself would be overwritten; name another folder")
        try:
            drawn = cv2.imencode(target.suffix, annotate(result.picture.colour(), result.numbers))[1]
            self._folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(drawn.tobytes())
        except OSError as error:
            raise PictureError(f"{target}: cannot be written: {error.strerror}") from None
        except cv2.error:
            raise PictureError(f"{target}: a picture of this size cannot be written in this format") from None

    def _target(self, picture: Picture) -> Path:
        name = self._names.get(picture.name)
        if name is None:
            name = self._names[picture.name] = self._free_name(picture)
        return self._folder / (name if picture.index is None else f"{name}-{picture.index:06d}.jpg")

    def _free_name(self, picture: Picture) -> str:
        path = Path(picture.name)
        is_known = picture.index is not None or path.suffix.lower() in WRITABLE
        wanted = path if is_known else path.with_name(f"{path.name}.png")
        name, taken = wanted.name, set(self._names.values())
        for number in count(2):
            if name not in taken:
                break
            name = f"{wanted.stem}-{number}{wanted.suffix}"
        return name


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
