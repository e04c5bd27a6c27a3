"""Pictures in files: images, folders of them, and the frames of videos."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_daemon.domain import Grey
from edge_daemon.errors import PictureError
from edge_daemon.sources.image_file import IMAGES, NOT_READ, is_folder, load_colour, load_grey, reason
from edge_daemon.sources.video import Colour, Video, to_grey

VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".mjpeg", ".mjpg"}
"""Endings of video files, in lower case."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image, or one frame of a video."""

    name: str
    """The path as it was given; for a picture found in a folder, the folder as given and the file's name."""
    index: int | None
    """Number of the frame in a video, from 0; None for an image."""
    pixels: Grey
    colour: Callable[[], Colour]
    """The same in colour, a fresh (h, w, 3) uint8 array, decoded when asked for. Raises PictureError."""


def pictures(paths: Sequence[str]) -> Iterator[Picture | PictureError]:
    """All pictures under `paths`, in order. One that cannot be read is a PictureError, and the rest follows."""
    for name in expand(paths):
        if isinstance(name, PictureError):
            yield name
            continue
        try:
            yield from _read(name)
        except PictureError as error:
            yield error


def expand(paths: Sequence[str]) -> list[str | PictureError]:
    """The files of `paths`: each as given, a folder as the pictures and videos in it, in natural order."""
    found: list[str | PictureError] = []
    for path in paths:
        try:
            found += _list(path) if is_folder(path) else [path]
        except PictureError as error:
            found.append(error)
    return found


def _read(name: str) -> Iterator[Picture]:
    if not is_video(name):
        yield Picture(name, None, load_grey(name), lambda: load_colour(name))
        return
    with closing(Video(name)) as video:
        index = 0
        while (frame := video.frame(index)) is not None:
            yield Picture(name, index, to_grey(frame), frame.copy)
            index += 1


def _list(folder: str) -> list[str | PictureError]:
    try:
        names = [entry.name for entry in Path(folder).iterdir()]
    except OSError as error:
        raise PictureError(f"{folder}: {reason(error)}") from None
    known = [name for name in names if Path(name).suffix.lower() in IMAGES | VIDEOS | NOT_READ and name[0] != "."]
    if not known:
        raise PictureError(f"{folder}: no pictures in this folder ({', '.join(sorted(IMAGES | VIDEOS))})")
    return [f"{folder.rstrip('/')}/{name}" for name in sorted(known, key=_natural_key)]


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts img2 before img10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def is_video(name: str) -> bool:
    """Whether the file's name ends as that of a video."""
    return Path(name).suffix.lower() in VIDEOS
