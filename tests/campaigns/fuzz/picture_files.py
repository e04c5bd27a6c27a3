"""Picture files in every format that Pillow writes: whole, cut, with changed bytes, and under wrong names.

`edge-daemon read` reads each or names it as one that it cannot read. In a watched folder nothing but the numbers that
were written is published, and the next good picture is read.
"""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count, product
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from edge_daemon.errors import PictureError
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import open_reader
from edge_daemon.tools.read import PictureResult, read_file
from tests.campaigns.fuzz.campaign import Check, Target, Wrong
from tests.campaigns.fuzz.watched_folder import GOOD, watching
from tests.campaigns.fuzz.whole_daemon import LOOKED_AT, written

NUMBER = "4056"
"""In the drawn files."""
CERTAIN = 0.85
"""Confidence from which a number counts as read."""

Image.init()
FORMATS = sorted(set(Image.SAVE) - {"PDF", "WMF", "EPS", "BUFR", "GRIB", "HDF5"})  # pages, and what Pillow only names
MODES = ("L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "YCbCr", "I;16", "I", "F")
DEEP = ("I;16", "I", "F")
SUFFIXES = (
    ".jpg",
    ".JPEG",
    ".png",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
    ".jfif",
    ".gif",
    ".avif",
    ".jp2",
    ".ico",
    ".txt",
    "",
)


@dataclass(frozen=True)
class PictureFile:
    """How a file is made."""

    format: str
    mode: str
    suffix: str
    options: dict[str, Any] = field(default_factory=dict)
    changes: tuple[tuple[float, int], ...] = ()
    """Bytes: where, 0..1, and their new value."""
    length: float = 1.0
    """How much of it is there."""

    @property
    def is_whole(self) -> bool:
        return not self.changes and self.length == 1

    def content(self) -> bytes:
        """The bytes of the file. Options that the format does not have are left out."""
        try:
            data = bytearray(encoded(self.format, self.mode, **self.options))
        except NOT_WRITTEN:
            data = bytearray(encoded(self.format, self.mode))
        for at, byte in self.changes:
            data[min(len(data) - 1, int(at * len(data)))] = byte
        return bytes(data[: round(self.length * len(data))])


NOT_WRITTEN = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)
"""What Pillow raises for a mode or an option that it does not write in a format."""


def encoded(kind: str, mode: str, **options: Any) -> bytes:
    """The page in a format. Raises one of NOT_WRITTEN."""
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        in_mode(Image.fromarray(written(NUMBER)), mode).save(file, kind, **options)
    return file.getvalue()


@cache
def pairs() -> list[tuple[str, str]]:
    """Each format with each mode that Pillow writes in it; deep modes only where it does not cut them to 8 bits."""
    found = []
    for kind, mode in product(FORMATS, MODES):
        with suppress(*NOT_WRITTEN), warnings.catch_warnings(action="ignore"):
            again = Image.open(io.BytesIO(encoded(kind, mode)))
            if again.mode == mode or mode not in DEEP:
                found.append((kind, mode))
    return found


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """A grey picture in another mode."""
    if mode == "I;16":
        return picture.convert("I").point(lambda value: value * 256).convert("I;16")
    return picture.convert(mode)


places = st.floats(0, 1) | st.floats(0, 0.02) | st.floats(0.9, 1)
files = st.builds(
    lambda pair, *rest: PictureFile(*pair, *rest),
    st.deferred(lambda: st.sampled_from(pairs())),
    st.sampled_from(SUFFIXES),
    st.fixed_dictionaries(
        {},
        optional={
            "quality": st.integers(40, 100),
            "progressive": st.booleans(),
            "optimize": st.booleans(),
            "lossless": st.booleans(),
            "compression": st.sampled_from(["tiff_lzw", "tiff_deflate", "jpeg", "packbits", "group4", "raw"]),
            "dpi": st.tuples(st.integers(1, 1200), st.integers(1, 1200)),
            "save_all": st.booleans(),
        },
    ),
    st.just(()) | st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6).map(tuple),
    st.just(1.0) | st.just(1.0) | st.floats(0, 1),
)


@contextmanager
def reading_checking(folder: Path) -> Iterator[Check]:
    """The engine of `edge-daemon read`, in this process."""
    reader = open_reader(ModelOptions(), check_every=0.0)
    numbers = count()

    def check(case: PictureFile) -> None:
        data = case.content()
        path = folder / f"{next(numbers)}{case.suffix}"
        path.write_bytes(data)
        try:
            results = list(read_file(str(path), reader))
        finally:
            path.unlink()
        if case.is_whole and not any(isinstance(result, PictureError) for result in results):
            found = [number for result in results if isinstance(result, PictureResult) for number in result.numbers]
            texts = {number.text for number in found if number.confidence >= CERTAIN}
            if texts != {NUMBER}:
                raise Wrong(f"{NUMBER} is read as {texts or 'nothing'}, without an error")

    yield check


@contextmanager
def folder_checking(folder: Path) -> Iterator[Check]:
    """One daemon that watches a folder into which all files are laid."""
    with watching(folder) as (watched, daemon):

        def check(case: list[PictureFile]) -> float:
            daemon.revive()
            contents = [(file.suffix, file.content()) for file in case]
            watched.begin()
            for suffix, data in contents:
                watched.place(suffix).write_bytes(data)
                time.sleep(LOOKED_AT)
            seconds = watched.read_good(daemon)
            watched.clear()
            if wrong := watched.texts() - {NUMBER, *GOOD}:
                raise Wrong(f"readings {wrong}")
            return seconds

        yield check


READ = Target(files, reading_checking)
WATCHED = Target(st.lists(files, min_size=1, max_size=3), folder_checking)
