"""The controls of a V4L2 camera (exposure, gain, focus, ...), with the names that v4l2-ctl uses.

See the kernel's documentation of VIDIOC_QUERYCTRL, VIDIOC_G_CTRL and VIDIOC_S_CTRL.
"""

from __future__ import annotations

import fcntl
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from edge_daemon.errors import CameraError
from edge_daemon.sources.v4l2.device import Ioctl, open_device, request

_QUERY = struct.Struct("<II32siiiiI2I")  # struct v4l2_queryctrl
_VALUE = struct.Struct("<Ii")  # struct v4l2_control


QUERYCTRL, G_CTRL, S_CTRL = request(3, 36, _QUERY.size), request(3, 27, _VALUE.size), request(3, 28, _VALUE.size)
_NEXT = 0x80000000
_DISABLED, _READ_ONLY, _WRITE_ONLY = 0x1, 0x4, 0x40
_NUMBERS = (1, 2, 3, 9)
"""Types of controls whose values are integers: integer, boolean, menu, integer menu."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control and its range."""

    id: int
    name: str
    low: int
    high: int
    default: int


def parse(text: str) -> list[tuple[str, int]]:
    """The controls in "name=value,name=value". Raises ValueError("expected ...")."""
    pairs = [word.strip() for word in text.split(",") if word.strip()]
    if any(not re.fullmatch(r"[a-z0-9_]+=-?[0-9]+", pair) for pair in pairs):
        raise ValueError('expected controls as for `v4l2-ctl -c`, like "auto_exposure=1,gain=20"')
    return [(name, int(value)) for name, value in (pair.split("=") for pair in pairs)]


def set_all(device: str, text: str, ioctl: Ioctl = fcntl.ioctl) -> None:
    """Set the controls of `text`, in its order. Raises CameraError."""
    wanted = parse(text)
    if not wanted:
        return
    with open_device(device) as file:
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
                raise CameraError(f"{device} refuses {name}={value}: {error.strerror}") from None


def read_all(device: str, ioctl: Ioctl = fcntl.ioctl) -> dict[str, int]:
    """The present values, by name. Raises CameraError."""
    with open_device(device) as file:
        found = {}
        for control in _controls(file, ioctl):
            try:
                found[control.name] = _VALUE.unpack(ioctl(file, G_CTRL, _VALUE.pack(control.id, 0)))[1]
            except OSError:  # a control that can only be written
                continue
        return found


def defaults(device: str, ioctl: Ioctl = fcntl.ioctl) -> dict[str, int]:
    """The default values, by name. Raises CameraError."""
    with open_device(device) as file:
        return {control.name: control.default for control in _controls(file, ioctl)}


def _controls(file: int, ioctl: Ioctl) -> Iterator[Control]:
    number = 0
    while True:
        try:
            answer = ioctl(file, QUERYCTRL, _QUERY.pack(number | _NEXT, 0, b"", 0, 0, 0, 0, 0, 0, 0))
        except OSError:  # the last one was returned
            return
        number, kind, name, low, high, _, default, flags, *_ = _QUERY.unpack(answer)
        if kind in _NUMBERS and not flags & (_DISABLED | _READ_ONLY | _WRITE_ONLY):
            yield Control(number, _name(name), low, high, default)


def _name(raw: bytes) -> str:
    """The name as in v4l2-ctl: "Exposure Time, Absolute" is exposure_time_absolute."""
    return re.sub(r"[^a-z0-9]+", "_", raw.split(b"\0")[0].decode(errors="replace").lower()).strip("_")
