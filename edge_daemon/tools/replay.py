"""Recorded pictures through the whole path, on the clock of the recording: the engine of `edge-daemon replay`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from edge_daemon import app
from edge_daemon.config.schema import Config
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Entry, Event, Frame, Patch, Reading, Status
from edge_daemon.errors import PictureError
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.images import mirror
from edge_daemon.model_store.active_model import resolve
from edge_daemon.model_store.store import Store
from edge_daemon.on_device.explain_log import explanation
from edge_daemon.recognition.reader import open_reader
from edge_daemon.sources.pictures import VIDEOS, Picture, expand, pictures
from edge_daemon.sources.video import Video, to_grey
from edge_daemon.system.folders import state_folder
from edge_daemon.tools.reporting.page import Report
from edge_daemon.tools.reporting.timeline import span_of, timelines

EXIF_IFD = 0x8769
"""EXIF tag: the part that has the tags below, except the first of the last row."""
TAKEN = ((0x9003, 0x9011, 0x9291), (0x9004, 0x9012, 0x9292), (0x0132, 0x9010, 0x9290))
"""EXIF tags of a time, its offset from UTC, and its fractions of a second: when the picture was taken, when it was
digitised, and when the file was changed. The first that is there is used."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Files in order, and the time of each picture, or of the first frame of the video."""

    files: tuple[str, ...]
    times: tuple[float, ...]
    """Seconds since 1970, rising."""
    clock: str
    """Where the times come from, in words."""

    @property
    def is_video(self) -> bool:
        return Path(self.files[0]).suffix.lower() in VIDEOS


def recording(path: str, every: float | None = None) -> Recording:
    """The recording at `path`, a video or a folder of pictures; `every` gives pictures a fixed rate, in seconds.

    Raises PictureError.
    """
    files = []
    for name in expand([path]):
        if isinstance(name, PictureError):
            raise name
        files.append(name)
    videos = [Path(name).suffix.lower() in VIDEOS for name in files]
    if any(videos):
        if len(files) > 1:
            raise PictureError(f"{path}: videos and other files; replay one video, or a folder of pictures")
        return Recording(tuple(files), (Path(files[0]).stat().st_mtime,), "the video's time stamps")
    times, clock = _times(files, every)
    order = sorted(range(len(files)), key=lambda i: times[i])
    return Recording(tuple(files[i] for i in order), tuple(times[i] for i in order), clock)


def _times(files: Sequence[str], every: float | None) -> tuple[list[float], str]:
    changed = [Path(name).stat().st_mtime for name in files]
    if every is not None:
        return [changed[0] + i * every for i in range(len(files))], f"one picture every {every:g} s, as given"
    taken = [exif_time(name) for name in files]
    known = [at for at in taken if at is not None]
    if len(known) == len(files) == len(set(known)):
        return known, "when the pictures were taken (EXIF)"
    if len(set(changed)) == len(files):
        return changed, "when the files were last changed"
    raise PictureError("the pictures do not all have different times; give their interval: --every 1s")


def exif_time(name: str) -> float | None:
    """When a picture was taken, from its EXIF data; None where it has none. Without an offset it is local time."""
    try:
        with Image.open(name) as image:
            exif = image.getexif()
            tags = {**exif, **exif.get_ifd(EXIF_IFD)}
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    for time, offset, fraction in TAKEN:
        with suppress(ValueError):
            return _seconds(*(str(tags.get(tag, "")).strip(" \0") for tag in (time, offset, fraction)))
    return None


def _seconds(time: str, offset: str, fraction: str) -> float:
    """Seconds since 1970 of a time in EXIF, such as ("2026:11:24 01:50:00", "+01:00", "120"). Raises ValueError."""
    local = datetime.strptime(time, "%Y:%m:%d %H:%M:%S")
    with suppress(ValueError):  # there is none, or it is damaged
        local = datetime.strptime(f"{time} {offset}", "%Y:%m:%d %H:%M:%S %z")
    return local.timestamp() + (float(f"0.{fraction}") if fraction.isdecimal() else 0.0)


class Replayed(NamedTuple):
    """A record that the daemon would have published."""

    mono: float
    """Seconds into the recording."""
    entry: Entry
    patch: Patch | None
    """The newest patch of its field, or of the whole frame."""


def replay(found: Recording, config: Config) -> Iterator[Replayed]:
    """All that the daemon would have published, in its order. Raises PictureError."""
    reader = open_reader(resolve(config.model, Store(state_folder() / "models")))
    classifier = reader.classifier
    fields, voter = (
        FieldExtractor(config.fields),
        Voter(config.fields, classifier.name, classifier.backend, partial(app.read_numbers, reader)),
    )
    seq, patches = 0, dict[str | None, Patch]()
    is_mirrored = config.camera.kind == "files" and config.camera.options.mirror
    for frame in frames(found, config.camera.options.active_fps):
        if is_mirrored:
            frame = replace(frame, pixels=mirror(frame.pixels))
        patches |= {patch.field: patch for patch, _ in app.read_frame(frame, fields, reader, voter)}
        for record in voter.due(frame.mono):
            seq += 1
            entry = Entry(seq, f"{config.device}/{0:08x}/{seq}", True, record)
            yield Replayed(frame.mono, entry, patches.get(record.field) or patches.get(None))


class Recorder:
    """Collects what a replay publishes, with a cut-out of each field where its reading stops being ok: for its page."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.pictures: dict[tuple[str, float], bytes] = {}
        self._seen: dict[str, tuple[Status, str]] = {}

    def add(self, replayed: Replayed) -> None:
        """Events are in the readings already."""
        entry, record = replayed.entry, replayed.entry.record
        if isinstance(record, Event):
            return
        self.readings.append(record)
        span = span_of(record, record.captured_at, record.captured_at)
        if (
            record.status is not Status.OK
            and self._seen.get(record.field) != (span.status, span.seen)
            and replayed.patch
        ):
            picture = explanation(entry.seq, record, replayed.patch).picture
            self.pictures[record.field, record.captured_at] = picture
        self._seen[record.field] = span.status, span.seen

    def report(self, title: str, begin: float, end: float) -> Report:
        """What the page shows; `begin` and `end` in seconds since 1970."""
        return Report(title, begin, end, timelines(self.readings, begin, end), self.pictures)


def frames(found: Recording, fps: float) -> Iterator[Frame]:
    """The frames of the recording: at most `fps` a second of a video, or every picture. Raises PictureError."""
    start = found.times[0]
    if found.is_video:
        with closing(Video(found.files[0])) as video:
            step, index, due = max(1.0, video.fps / fps), 0, 0.0
            while (shown := video.frame(index)) is not None:
                mono = index / video.fps
                yield Frame(index, start + mono, mono, to_grey(shown))
                due += step
                index = max(index + 1, round(due))
        return
    for seq, (name, at) in enumerate(zip(found.files, found.times, strict=True)):
        [shown_there] = pictures([name])
        if not isinstance(shown_there, Picture):
            raise shown_there
        yield Frame(seq, at, at - start, shown_there.pixels)
