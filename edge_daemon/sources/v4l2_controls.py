"""What can be set on a V4L2 camera (exposure, gain, focus, ...), by the names that v4l2-ctl gives them.

See the kernel's documentation of VIDIOC_QUERYCTRL, VIDIOC_G_CTRL and VIDIOC_S_CTRL.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge_daemon.errors import CameraError

_QUERY = struct.Struct("<II32siiiiI2I")  # struct v4l2_queryctrl
_VALUE = struct.Struct("<Ii")  # struct v4l2_control


def _request(number: int, size: int) -> int:
    """_IOWR('V', number, size) of <linux/ioctl.h>."""
    return 3 << 30 | size << 16 | ord("V") << 8 | number


QUERYCTRL, G_CTRL, S_CTRL = _request(36, _QUERY.size), _request(27, _VALUE.size), _request(28, _VALUE.size)
_NEXT = 0x80000000
_DISABLED, _READ_ONLY, _INACTIVE, _WRITE_ONLY = 0x1, 0x4, 0x10, 0x40
_INTEGER, _BOOLEAN, _MENU = 1, 2, 3

Ioctl = Callable[[int, int, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that can be set."""

    id: int
    name: str
    low: int
    high: int
    default: int
    is_active: bool
    """False: it has no effect now, as an exposure while that is automatic."""


def parse(text: str) -> list[tuple[str, int]]:
    """name=value,name=value. Raises ValueError("expected ...")."""
    pairs = [word.strip() for word in text.split(",") if word.strip()]
    if any(not re.fullmatch(r"[a-z0-9_]+=-?[0-9]+", pair) for pair in pairs):
        raise ValueError('expected controls as `v4l2-ctl -c` takes them, like "auto_exposure=1,gain=20"')
    return [(name, int(value)) for name, value in (pair.split("=") for pair in pairs)]


def set_all(device: str, text: str, ioctl: Ioctl = fcntl.ioctl) -> None:
    """Set what `text` says, in its order. Raises CameraError."""
    wanted = parse(text)
    if not wanted:
        return
    with _opened(device) as file:
        known = {control.name: control for control in _controls(file, ioctl)}
        for name, value in wanted:
            control = known.get(name)
            if control is None:
                raise CameraError(f"{device} has no control {name}; it has {', '.join(sorted(known)) or 'none'}")
            if not control.low <= value <= control.high:
                raise CameraError(f"{device}: {name} goes from {control.low} to {control.high}; {value} is outside")
            try:
                ioctl(file, S_CTRL, _VALUE.pack(control.id, value))
            except OSError as error:
                raise CameraError(f"{device} does not take {name}={value}: {error.strerror}") from None


def read_all(device: str, ioctl: Ioctl = fcntl.ioctl) -> dict[str, int]:
    """What is set now, by name. Raises CameraError."""
    with _opened(device) as file:
        found = {}
        for control in _controls(file, ioctl):
            try:
                found[control.name] = _VALUE.unpack(ioctl(file, G_CTRL, _VALUE.pack(control.id, 0)))[1]
            except OSError:  # one that can only be written
                continue
        return found


def _controls(file: int, ioctl: Ioctl) -> Iterator[Control]:
    number = 0
    while True:
        try:
            answer = ioctl(file, QUERYCTRL, _QUERY.pack(number | _NEXT, 0, b"", 0, 0, 0, 0, 0, 0, 0))
        except OSError:  # there are no more
            return
        number, kind, name, low, high, _, default, flags, *_ = _QUERY.unpack(answer)
        if kind in (_INTEGER, _BOOLEAN, _MENU) and not flags & (_DISABLED | _READ_ONLY | _WRITE_ONLY):
            yield Control(number, _name(name), low, high, default, not flags & _INACTIVE)


def _name(raw: bytes) -> str:
    """As v4l2-ctl spells it: "Exposure Time, Absolute" is exposure_time_absolute."""
    return re.sub(r"[^a-z0-9]+", "_", raw.split(b"\0")[0].decode(errors="replace").lower()).strip("_")


@contextmanager
def _opened(device: str) -> Iterator[int]:
    try:
        file = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CameraError(f"{device} cannot be opened: {error.strerror}") from None
    try:
        yield file
    finally:
        os.close(file)
