"""Files as a camera: an image, a folder of pictures, a watched folder, or a video."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count, cycle
from typing import Annotated

from msgspec import Meta

from edge_daemon.domain import Frame, Grey
from edge_daemon.errors import PictureError
from edge_daemon.sources.folder import watch_folder
from edge_daemon.sources.frame_rate import FrameRate, wait_until
from edge_daemon.sources.image_file import load_grey
from edge_daemon.sources.pictures import expand, is_video
from edge_daemon.sources.video import Video, to_grey
from edge_daemon.system.credentials import expand_home

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FilesOptions:
    """[camera] with source = "files"."""

    path: Annotated[str, Meta(min_length=1)]
    """An image, shown for as long as the daemon runs; a folder, whose pictures are shown one after the other in the
    order of their names; or a video, played at its own speed."""
    loop: bool = False
    """Start again at the end of a folder or video; otherwise the daemon stops there."""
    active_fps: Annotated[float, Meta(gt=0, le=1000)] = 5.0
    """Pictures per second; of a video, at most this many of its frames per second are read."""
    idle_fps: Annotated[float, Meta(ge=0.05, le=1000)] = 1.0
    """The same while nothing changes. The pictures of a folder always come at active_fps."""
    mirror: bool = False
    """Swap left and right."""
    watch: bool = False
    """Watch the folder: the newest picture in it is the frame."""


class FilesCamera:
    """A Source that shows files. A damaged picture of a folder is passed over; PictureError: there is nothing else."""

    def __init__(
        self,
        options: FilesOptions,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options, self._now, self._sleep = options, now, sleep
        self._rate = FrameRate(options.active_fps, options.idle_fps)
        self._files = [] if options.watch else expand([_path(options.path)])
        self._damaged = 0
        """Pictures in a row that were damaged."""
        for problem in self._files:
            if isinstance(problem, PictureError):
                raise problem

    def set_active(self, active: bool) -> None:
        """See domain.Source."""
        self._rate.is_active = active

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source."""
        if self._options.watch:
            yield from watch_folder(_path(self._options.path), load_grey, self._rate, tick, self._now, self._sleep)
            return
        seq = count()
        for pixels in chain.from_iterable(self._show(str(name), tick) for name in self._playlist()):
            yield None if pixels is None else Frame(next(seq), time.time(), self._now(), pixels)

    def _playlist(self) -> Iterator[str | PictureError]:
        return cycle(self._files) if self._options.loop else iter(self._files)

    def _show(self, name: str, tick: float) -> Iterator[Grey | None]:
        try:
            yield from self._play(name, tick) if is_video(name) else self._hold(name, tick)
        except PictureError as error:
            self._pass_over(error)

    def _hold(self, name: str, tick: float) -> Iterator[Grey | None]:
        """One picture of a folder for a frame time; a single picture without an end."""
        pixels, several = load_grey(name), len(self._files) > 1
        self._damaged = 0
        while True:
            shown = self._now()
            yield pixels.copy()
            due = shown + (1 / self._options.active_fps if several else self._rate.interval)
            yield from wait_until(due, tick, self._now, self._sleep)
            if several:
                return

    def _pass_over(self, error: PictureError) -> None:
        """Log a damaged file of a folder. Raises PictureError if all of them are damaged."""
        self._damaged += 1
        if self._damaged >= len(self._files):
            raise error
        log.warning("%s; it is passed over", error)

    def _play(self, name: str, tick: float) -> Iterator[Grey | None]:
        """The frames of a video. A slow consumer misses frames, as with a real camera."""
        start, index = self._now(), 0
        with closing(Video(name)) as video:
            while (frame := video.frame(index)) is not None:
                self._damaged = 0
                yield to_grey(frame)
                step = max(1.0, video.fps * self._rate.interval)
                yield from wait_until(start + (index + step) / video.fps, tick, self._now, self._sleep)
                index = max(index + 1, round((self._now() - start) * video.fps))


def _path(name: str) -> str:
    """The path, with ~ as the home folder. Raises PictureError where there is none."""
    try:
        return str(expand_home(name)) if name.startswith("~") else name
    except OSError as error:
        raise PictureError(f"{name}: {error.strerror}") from None
