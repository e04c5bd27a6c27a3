"""Through the daemon's own camera door: 1,000 frames of the real picamera2, a stall, and frames again."""

from __future__ import annotations

import resource
import sys
import threading
import time
from contextlib import closing

from edge_daemon.sources.picamera import PiCamera, PicameraOptions
from edge_daemon.system import log_setup
from scripts.rigs.picamera2 import virtual_camera

FRAMES = 1000


def main() -> None:
    log_setup.setup(verbose=False)
    camera = PiCamera(PicameraOptions(size=(640, 480), active_fps=30.0, idle_fps=30.0))
    virtual_camera.STALL.unlink(missing_ok=True)
    with closing(camera.frames(1.0)) as frames:  # type: ignore[type-var]
        started, before = time.monotonic(), 0
        for count, taken in enumerate(filter(None, frames), 1):
            assert taken.pixels.shape == (480, 640)
            if count == 100:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if count == FRAMES:
                break
        took, grown = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"{FRAMES} frames in {took:.1f} s; memory has grown by {grown} KB since frame 100", flush=True)
        virtual_camera.STALL.touch()
        threading.Timer(8.0, virtual_camera.STALL.unlink).start()
        stalled, ticks = time.monotonic(), 0
        for frame in frames:
            ticks += frame is None
            if frame is not None and ticks:
                break
        print(f"a stall of 8 s: {ticks} ticks without a frame; frames again after {time.monotonic() - stalled:.1f} s")
        count = sum(frame is not None for frame, _ in zip(frames, range(100), strict=False))
        print(f"{count} of the next 100 are frames", flush=True)
        sys.exit(0 if count >= 90 and ticks else 1)


if __name__ == "__main__":
    main()
