"""The daemon of the soak campaign: `edge-daemon run` with another kind of camera and short reconnect waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from edge_daemon.domain import Frame
from edge_daemon.sources import kinds
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions as Scene

KIND = "prerendered"
FPS = 5.0
"""Frames a second by their own clock."""
EVERY = 500
"""Frames after which progress is written."""


@dataclass(frozen=True, slots=True)
class Options:
    """[camera] with source = "prerendered"."""

    progress: str = ""
    """A file with the number of frames so far."""
    pictures: int = 600
    """Pictures that are drawn before the start and then repeated."""
    active_fps: float = FPS
    idle_fps: float = FPS
    mirror: bool = False


class Prerendered:
    """A Source without end: the same pictures again and again, unpaced, each a fifth of a second after the last."""

    def __init__(self, options: Options) -> None:
        drawing = SimulatedCamera(Scene(seed=4, size=(320, 240), numbers=1, hold=60.0, active_fps=FPS))
        self._pictures = [drawing.picture(seq) for seq in range(options.pictures)]
        self._progress = Path(options.progress)

    def set_active(self, wanted: bool) -> None:
        """No effect: frames come as fast as possible."""

    def frames(self, tick: float) -> Iterator[Frame | None]:
        """See domain.Source. Time is that of the frames: years pass in hours."""
        wall, mono = time.time(), time.monotonic()
        for seq in count():
            yield Frame(seq, wall + seq / FPS, mono + seq / FPS, self._pictures[seq % len(self._pictures)].copy())
            if seq % EVERY == 0:
                self._progress.write_text(str(seq))


def main() -> None:
    """Run the command line with the camera above."""
    kinds.KINDS[KIND] = kinds.Kind(KIND, "Prerendered", "Options")
    sys.modules[f"edge_daemon.sources.{KIND}"] = sys.modules[__name__]
    from edge_daemon import reuse
    from edge_daemon.cli import main as cli
    from edge_daemon.system import backoff

    vars(reuse)["Backoff"] = lambda longest: backoff.Backoff(first=0.02, longest=0.1)
    cli.main()


if __name__ == "__main__":
    main()
