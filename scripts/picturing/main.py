"""Makes the pictures of the READMEs: scripts/pictures."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_daemon.config.schema import load
from edge_daemon.domain import Reading, Status
from edge_daemon.images import encode_png
from edge_daemon.on_device.explain_log import explanation
from edge_daemon.tools import explain, replay
from scripts.picturing import drawn, front, house, preview
from scripts.picturing.browser import screenshot

FOLDER = Path(__file__).parents[2] / ".github/pictures"
"""Of the pictures that the READMEs show."""
QUALITY = 88
"""Of the WebP files: letters stay sharp."""


def annotated(folder: Path) -> bytes:
    """The page as `edge-daemon read --annotate` writes it."""
    (folder / "page.png").write_bytes(encode_png(drawn.page()))
    program("read", "--annotate", folder / "out", folder / "page.png")
    return (folder / "out/page.png").read_bytes()


def explained(folder: Path) -> bytes:
    """A withheld reading of the recorded day, as `edge-daemon explain --picture` draws it."""
    config = load(drawn.record_day(folder))
    for one in replay.replay(replay.recording(str(folder / "day")), config):
        record = one.entry.record
        if isinstance(record, Reading) and record.status is Status.RATE_TOO_HIGH and one.patch:
            return _png(explain.draw(explanation(one.entry.seq, record, one.patch)))
    raise LookupError("no reading of the day is withheld for its rate")


def report(folder: Path) -> bytes:
    """The page of `edge-daemon replay --report` about the recorded day."""
    program("replay", folder / "day", "--config", drawn.record_day(folder), "--report", folder / "page")
    return screenshot(folder / "page/index.html", 900)


def program(*arguments: str | Path) -> None:
    """Run `edge-daemon`. Raises CalledProcessError."""
    command = [sys.executable, "-m", "edge_daemon", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


PICTURES: Mapping[str, Callable[[Path], bytes]] = {
    "front": front.draw,
    "annotated": annotated,
    "explain": explained,
    "page": preview.draw,
    "report": report,
    "house": house.draw,
}
"""Name -> what makes it, in an empty folder, as PNG."""


def make(name: str, into: Path) -> Path:
    """Make one picture, `into`/NAME.webp."""
    with tempfile.TemporaryDirectory() as folder:
        path = into / f"{name}.webp"
        with Image.open(io.BytesIO(PICTURES[name](Path(folder)))) as picture:
            picture.convert("RGB").save(path, quality=QUALITY, method=6)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(PICTURES)}; default: all")
    parser.add_argument("--into", type=Path, default=FOLDER, metavar="FOLDER")
    args = parser.parse_args()
    if unknown := set(args.names) - set(PICTURES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(PICTURES)}")
    args.into.mkdir(exist_ok=True)
    for name in args.names or PICTURES:
        path = make(name, args.into)
        print(f"{path}  {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
