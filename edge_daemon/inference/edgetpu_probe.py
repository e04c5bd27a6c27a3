"""Tries the Coral Edge TPU in a process of its own: a faulty device may abort or hang the process that uses it.

Each way in which it cannot be used has a message of its own, which says what to do.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.inference.runtime import find_runtime

LIBRARY = "libedgetpu.so.1"
"""The vendor's delegate, a shared library; the system's loader finds it."""
_ENTRY_POINT = "tflite_plugin_create_delegate"
_USB = Path("/sys/bus/usb/devices")
_DEVICES = Path("/dev")
IDS = ("1a6e:089a", "18d1:9302")
"""What `lsusb` shows of a USB Accelerator before its first use, and after."""


def probe(package: str, file: str) -> str:
    """In the child: run the compiled `file` once on the runtime `package`. Raises ModelError with a remedy."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        if "No such file" in str(error):
            raise ModelError(
                f"Edge TPU: the library {LIBRARY} is not installed. Install libedgetpu1-std from https://coral.ai/software"
            ) from error
        raise ModelError(f"Edge TPU: {LIBRARY} cannot be loaded ({error}). Install the one for this machine") from error
    try:
        runtime = find_runtime(package).with_delegate(LIBRARY)
    except AttributeError as error:
        raise ModelError(
            f"Edge TPU: {LIBRARY} is too old, it has no {_ENTRY_POINT}. Install libedgetpu1-std 16.0 or newer"
        ) from error
    except (ValueError, OSError) as error:
        raise ModelError(f"Edge TPU: {why_unusable()}") from error
    try:
        interpreter = runtime.open(Path(file).read_bytes())
        interpreter.prepare()
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"Edge TPU: it does not accept {Path(file).name} ({_last(error)}). Library and file do not fit:"
            f" compile it again (scripts/compile-edgetpu), or install the libedgetpu1-std that fits"
        ) from error
    takes = interpreter.inputs()[0]
    try:
        interpreter.run(np.zeros(takes.shape, takes.dtype))
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"Edge TPU: it fails when it runs ({_last(error)}). {RECONNECT}") from error
    return "ok"


RECONNECT = "Unplug it and plug it in again; use a hub with its own power supply"
"""A remedy, for the end of a message."""


def why_unusable(usb: Path = _USB, devices: Path = _DEVICES) -> str:
    """Why the library finds no device: it is absent, access is denied, or it does not answer."""
    attached = [entry for entry in _entries(usb) if _read(entry / "idVendor") + ":" + _read(entry / "idProduct") in IDS]
    nodes = [devices / f"bus/usb/{int(_read(e / 'busnum')):03}/{int(_read(e / 'devnum')):03}" for e in attached]
    nodes += [devices / "apex_0"] if (devices / "apex_0").exists() else []
    if not nodes:
        return f"none is attached. Plug it in; `lsusb` shows {IDS[0]} or {IDS[1]} then"
    denied = [node for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if denied:
        return (
            f"no permission for {denied[0]}. Add the daemon's user to the group plugdev (PCIe: apex), and allow the"
            " device in its unit (DeviceAllow=)"
        )
    return f"it is attached ({nodes[0]}) and does not answer, or another program uses it. {RECONNECT}"


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _last(error: Exception) -> str:
    return " ".join(str(error).split())[-200:]
