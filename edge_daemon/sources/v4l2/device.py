"""V4L2 devices: whether a /dev/video* is a camera, its pixel formats, and the programs that use it.

See the kernel's documentation of VIDIOC_QUERYCAP and VIDIOC_ENUM_FMT.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_daemon.errors import CameraError

Ioctl = Callable[[int, int, bytes], bytes]

_CAPABILITY = struct.Struct("<16s32s32s3I3I")  # struct v4l2_capability
_FORMAT = struct.Struct("<3I32sII3I")  # struct v4l2_fmtdesc
_CAPTURE, _CAPTURE_PLANES, _OF_THIS_NODE = 0x1, 0x1000, 0x80000000
_KINDS = ((_CAPTURE, 1), (_CAPTURE_PLANES, 9))
"""Capability bits, and the buffer type (V4L2_BUF_TYPE_*) that belongs to each."""
DECODED = ("MJPG", "YUYV", "UYVY", "NV12", "YU12", "GREY", "RGB3")
"""Formats that OpenCV decodes, best first: USB 2 is too slow for large uncompressed pictures. BGR3 is missing because
OpenCV 4.11 returns it as one line of bytes."""


def request(direction: int, number: int, size: int) -> int:
    """The number of a V4L2 ioctl: _IOR (direction 2) or _IOWR (3) of <linux/ioctl.h>."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERYCAP, ENUM_FMT = request(2, 0, _CAPABILITY.size), request(3, 2, _FORMAT.size)


@contextmanager
def open_device(device: str) -> Iterator[int]:
    """The device's file descriptor; other programs may use it too. Raises CameraError."""
    try:
        file = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        raise CameraError(f"no permission to open {device}: add your user to the group video, or use sudo") from None
    except OSError as error:
        raise CameraError(f"{device} cannot be opened: {error.strerror}") from None
    try:
        yield file
    finally:
        os.close(file)


def best_format(device: str, ioctl: Ioctl = fcntl.ioctl) -> str:
    """The best format that can be decoded, as four characters.

    Raises CameraError for a device that is no camera (a USB camera has a second node, for metadata), or offers none.
    """
    offered = formats(device, ioctl)
    if not offered:
        others = ", ".join(name for name in list_cameras(ioctl) if os.path.realpath(name) != os.path.realpath(device))
        raise CameraError(f"{device} is no camera; {f'try {others}' if others else 'no camera was found'}")
    for name in DECODED:
        if name in offered:
            return name
    raise CameraError(f"{device} offers {', '.join(offered)}, but none of {', '.join(DECODED)}: it cannot be used")


def formats(device: str, ioctl: Ioctl = fcntl.ioctl) -> list[str]:
    """The formats of its pictures, as four characters each; none: it is no camera. Raises CameraError."""
    with open_device(device) as file:
        try:
            *_, whole, own, _, _, _ = _CAPABILITY.unpack(ioctl(file, QUERYCAP, bytes(_CAPABILITY.size)))
        except OSError:  # not even a video device
            return []
        can = own if whole & _OF_THIS_NODE else whole
        kind = next((kind for bit, kind in _KINDS if can & bit), None)
        return [] if kind is None else list(_formats(file, kind, ioctl))


def _formats(file: int, kind: int, ioctl: Ioctl) -> Iterator[str]:
    for index in range(256):
        try:
            answer = ioctl(file, ENUM_FMT, _FORMAT.pack(index, kind, 0, b"", 0, 0, 0, 0, 0))
        except OSError:  # the last one was returned
            return
        yield struct.pack("<I", _FORMAT.unpack(answer)[4] & 0x7FFFFFFF).decode("latin-1").strip()


def list_cameras(ioctl: Ioctl = fcntl.ioctl) -> list[str]:
    """The cameras of this machine, by a name that stays the same where they have one."""
    if by_id := sorted(str(path) for path in Path("/dev/v4l/by-id").glob("*-index0")):
        return by_id
    found = []
    for path in sorted(Path("/dev").glob("video*")):
        with suppress(CameraError):  # it may not be opened, or is just being unplugged
            if formats(str(path), ioctl):
                found.append(str(path))
    return found


def usb_cameras(ioctl: Ioctl = fcntl.ioctl, known: Path = Path("/sys/class/video4linux")) -> list[str]:
    """The cameras that are on USB. Decoders and the image processor of a Pi are V4L2 devices too, and no cameras.

    `known` is the kernel's list of V4L2 devices.
    """
    return [name for name in list_cameras(ioctl) if "/usb" in os.path.realpath(known / Path(name).resolve().name)]


def holders(device: str) -> list[str]:
    """Other programs that use the device, as far as permissions show them; all for root."""
    device, found = os.path.realpath(device), []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if int(process.name) != os.getpid() and any(_is(file, device) for file in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
    return found


def _is(file: Path, device: str) -> bool:
    with suppress(OSError):
        return file.readlink() == Path(device)
    return False
