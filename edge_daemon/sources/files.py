"""Pictures from files: images, folders, videos. For `edge-daemon read`, and as a camera for the daemon."""

from __future__ import annotations

import logging
import math
import os
import re
import struct
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, count, cycle
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import PictureError
from edge_daemon.sources.folder import watched
from edge_daemon.sources.frame_rate import Pace, wait_until
from edge_daemon.sources.opencv import opened

Colour = NDArray[np.uint8]
"""A colour picture as OpenCV has it, shape (height, width, 3): blue, green, red."""

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".mjpeg", ".mjpg"}
MAX_SIDE = 16384
MAX_PIXELS = 64_000_000

FORMATS = ["JPEG", "PNG", "BMP", "WEBP", "TIFF"]
DAMAGE = (OSError, SyntaxError, ValueError, struct.error)
"""What Pillow raises for damaged files, as seen with some 100,000 of them."""


@dataclass(frozen=True, slots=True)
class Options:
    """[camera] with source = "files"."""

    path: Annotated[str, Meta(min_length=1)]
    """An image, which is shown for as long as the daemon runs; a folder, whose pictures are shown one after
    the other in the order of their names; or a video, which is played at its own speed."""
    loop: bool = False
    """Start again at the end of a folder or video; otherwise the daemon stops there."""
    active_fps: Annotated[float, Meta(gt=0, le=1000)] = 5.0
    """Pictures a second; of a video, at most so many of its frames a second are looked at."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=1000)] = 1.0
    """The same while nothing happens. The pictures of a folder come at active_fps all the same."""
    watch: bool = False
    """The folder is watched, for ever: the newest picture in it is what the camera sees."""


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


class FilesCamera:
    """A Source that shows files. Raises PictureError for the first one that cannot be read."""

    def __init__(
        self,
        options: Options,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options, self._now, self._sleep = options, now, sleep
        self._pace = Pace(options.active_fps, options.idle_fps)
        self._files = [] if options.watch else expand([options.path])
        for problem in self._files:
            if isinstance(problem, PictureError):
                raise problem

    def hurry(self, wanted: bool) -> None:
        """See domain.Source."""
        self._pace.hurry = wanted

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source."""
        if self._options.watch:
            yield from watched(self._options.path, _still, self._pace, tick, self._now, self._sleep)
            return
        seq = count()
        for pixels in chain.from_iterable(self._shown(str(name), tick) for name in self._playlist()):
            yield None if pixels is None else Frame(next(seq), time.time(), self._now(), pixels)

    def _playlist(self) -> Iterator[str | PictureError]:
        return cycle(self._files) if self._options.loop else iter(self._files)

    def _shown(self, name: str, tick: float) -> Iterator[Grey | None]:
        if _is_video(name):
            yield from self._played(name, tick)
            return
        pixels, several = _still(name), len(self._files) > 1
        while True:
            shown = self._now()
            yield pixels.copy()
            due = shown + (1 / self._options.active_fps if several else self._pace.interval)
            yield from wait_until(due, tick, self._now, self._sleep)
            if several:
                return

    def _played(self, name: str, tick: float) -> Iterator[Grey | None]:
        """A slow consumer misses frames, as with a real camera."""
        start, index = self._now(), 0
        with closing(Video(name)) as video:
            while (frame := video.frame(index)) is not None:
                yield grey(frame)
                step = max(1.0, video.fps * self._pace.interval)
                yield from wait_until(start + (index + step) / video.fps, tick, self._now, self._sleep)
                index = max(index + 1, round((self._now() - start) * video.fps))


class Video:
    """A video file, decoded forwards. Raises PictureError when it cannot be opened or breaks off."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._capture = opened(name, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise PictureError(f"{name}: not a video that can be read (damaged, or a format unknown here)")
        size = [int(self._capture.get(prop)) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        _check_size(name, *size)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and 0.1 < fps <= 1000 else 25.0
        self._next = 0

    def frame(self, index: int) -> Colour | None:
        """Frame `index`, not before the one asked for last; None after the end."""
        while self._next <= index:
            if not self._capture.grab():
                self._check_end()
                return None
            self._next += 1
        ok, frame = self._capture.retrieve()
        if not ok:
            raise PictureError(f"{self._name}: frame {index} is damaged")
        return np.asarray(frame, np.uint8)

    def close(self) -> None:
        self._capture.release()

    def _check_end(self) -> None:
        """The container's count is an estimate for some formats: only a plain gap is held against it."""
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if self._next == 0:
            raise PictureError(f"{self._name}: not one frame of it can be decoded")
        if self._next < 0.9 * count - 2:
            raise PictureError(f"{self._name}: breaks off after {self._next} of {count:.0f} frames; truncated?")


def pictures(paths: Sequence[str]) -> Iterator[Picture | PictureError]:
    """All under `paths`, in order. What cannot be read comes as a PictureError, and the rest goes on."""
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
            found += _listed(path) if _is_folder(path) else [path]
        except PictureError as error:
            found.append(error)
    return found


def _read(name: str) -> Iterator[Picture]:
    if not _is_video(name):
        yield Picture(name, None, _still(name), lambda: _still_in_colour(name))
        return
    with closing(Video(name)) as video:
        index = 0
        while (frame := video.frame(index)) is not None:
            yield Picture(name, index, grey(frame), frame.copy)
            index += 1


def _is_folder(path: str) -> bool:
    """Raises PictureError for what is neither a folder nor a file with something in it."""
    try:
        info = Path(path).stat()
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path!r}: {_why(error)}") from None
    if S_ISDIR(info.st_mode):
        return True
    if not S_ISREG(info.st_mode):
        raise PictureError(f"{path}: neither a file nor a folder")
    if info.st_size == 0:
        raise PictureError(f"{path}: the file is empty")
    return False


def _listed(folder: str) -> list[str | PictureError]:
    try:
        names = [entry.name for entry in Path(folder).iterdir()]
    except OSError as error:
        raise PictureError(f"{folder}: {_why(error)}") from None
    known = [name for name in names if Path(name).suffix.lower() in IMAGES | VIDEOS and name[0] != "."]
    if not known:
        raise PictureError(f"{folder}: no pictures in this folder ({', '.join(sorted(IMAGES | VIDEOS))})")
    return [f"{folder.rstrip('/')}/{name}" for name in sorted(known, key=_natural)]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts img2 before img10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def _is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEOS


def _still(name: str) -> Grey:
    with _opened(name) as image:
        image.draft("L", image.size)  # of a JPEG only the luma is decoded
        return np.array(_flat(image).convert("L"))


def _still_in_colour(name: str) -> Colour:
    with _opened(name) as image:
        return np.array(_flat(image).convert("RGB"))[..., ::-1].copy()


def _flat(image: Image.Image) -> Image.Image:
    """Upright as its EXIF says, and on white where it is transparent."""
    turned = ImageOps.exif_transpose(image) or image
    if turned.mode.startswith("I"):  # 16 bits a pixel
        return Image.fromarray((np.asarray(turned) >> 8).clip(0, 255).astype(np.uint8))
    if turned.mode not in ("LA", "PA", "RGBA") and "transparency" not in turned.info:
        return turned
    turned = turned.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", turned.size, "white"), turned)


@contextmanager
def _opened(name: str) -> Iterator[Image.Image]:
    """An image of a known format and a size we can bear, not yet decoded. Damage becomes PictureError."""
    _is_folder(name)
    Image.MAX_IMAGE_PIXELS = None  # our limits are tighter, and say what they are
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what it has to say of the file, the error says
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(name, formats=FORMATS) as image:
            _check_size(name, *image.size)
            with _silence() if image.format == "TIFF" else nullcontext():
                yield image
    except PictureError:
        raise
    except UnidentifiedImageError:
        known = ", ".join(FORMATS).lower()
        raise PictureError(f"{name}: not an image ({known}), or its first bytes are damaged") from None
    except DAMAGE as error:
        raise PictureError(f"{name}: damaged: {_why(error)}") from None


@contextmanager
def _silence() -> Iterator[None]:
    """libtiff writes to the terminal by itself. What other threads write meanwhile is lost: for TIFF only."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _check_size(name: str, width: int, height: int) -> None:
    """Before the memory is spent."""
    if max(width, height) > MAX_SIDE:
        raise PictureError(f"{name}: {width} x {height} pixels; at most {MAX_SIDE} on a side")
    if width * height > MAX_PIXELS:
        raise PictureError(f"{name}: {width} x {height} pixels; at most {MAX_PIXELS // 10**6} megapixels")


def grey(frame: Colour) -> Grey:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
