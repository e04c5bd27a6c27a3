"""show_pictures.py DEVICE PAGE: writes the photographs in the folder PAGE to a v4l2loopback device, ten a second.

Whoever opens that as a camera sees them. PAGE may be a link that somebody else turns to another folder.

See the kernel's documentation of VIDIOC_S_FMT. Needs nothing but Python.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import sys
import time
from pathlib import Path

SIZE = (640, 480)
FORMAT = struct.Struct("<I4x2I4s5I168x")  # struct v4l2_format, as far as pictures have it
S_FMT = 0xC0D05605
OUTPUT, NO_FIELDS, JPEG = 2, 1, 7


def main(device: str, page: str) -> None:
    file = os.open(device, os.O_WRONLY)
    width, height = SIZE
    fcntl.ioctl(file, S_FMT, FORMAT.pack(OUTPUT, width, height, b"MJPG", NO_FIELDS, 0, 2 * width * height, JPEG, 0))
    for shot in itertools.count():
        photos = sorted(Path(page).glob("*.jpg"))
        os.write(file, photos[shot % len(photos)].read_bytes())
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
