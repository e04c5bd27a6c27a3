"""A camera whose pictures are mirrored: left and right are swapped back, for everything that sees its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from edge_daemon.domain import Frame, Source
from edge_daemon.images import mirror


class MirroredSource:
    """A Source with the frames of another one, mirrored."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def found(self) -> str:
        """What the camera gives, in words, where it says so."""
        return getattr(self._source, "found", "")

    def set_active(self, active: bool) -> None:
        """See domain.Source."""
        self._source.set_active(active)

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source."""
        with closing(self._source.frames(tick)) as frames:  # type: ignore[type-var]
            for frame in frames:
                yield frame and replace(frame, pixels=mirror(frame.pixels))
