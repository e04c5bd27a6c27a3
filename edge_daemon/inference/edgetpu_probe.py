"""Is there a Coral Edge TPU that can be used? Asked in a process of its own: a faulty one may abort or hang its user.

Each way in which it cannot has a message of its own, and says what to do.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.inference.interpreter import find_interpreter

LIBRARY = "libedgetpu.so.1"
"""The vendor's delegate; the loader of the system finds it."""
_ENTRANCE = "tflite_plugin_create_delegate"
_USB = Path("/sys/bus/usb/devices")
_DEVICES = Path("/dev")
IDS = ("1a6e:089a", "18d1:9302")
"""What `lsusb` shows of a USB Accelerator before its first use, and after."""


def probe(package: str, file: str) -> str:
    """In the child: run the compiled `file` once on `package`. Raises ModelError: what, and a remedy."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        if "No such file" in str(error):
            raise ModelError(
                f"Edge TPU: the library {LIBRARY} is not installed. Install libedgetpu1-std from https://coral.ai/software"
            ) from error
        raise ModelError(f"Edge TPU: {LIBRARY} cannot be loaded ({error}). Install the one for this machine") from error
    runtime = find_interpreter(package)
    try:
        delegate = runtime.module.load_delegate(LIBRARY)
    except AttributeError as error:
        raise ModelError(
            f"Edge TPU: {LIBRARY} is too old, it has no {_ENTRANCE}. Install libedgetpu1-std 16.0 or newer"
        ) from error
    except (ValueError, OSError) as error:
        raise ModelError(f"Edge TPU: {why_none()}") from error
    try:
        interpreter = runtime.interpreter(
            model_content=Path(file).read_bytes(), num_threads=1, experimental_delegates=[delegate]
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"Edge TPU: it does not take {Path(file).name} ({_last(error)}). Library and file do not fit:"
            f" compile it anew (scripts/compile-edgetpu), or install the libedgetpu1-std that fits"
        ) from error
    [takes] = interpreter.get_input_details()
    try:
        interpreter.set_tensor(takes["index"], np.zeros(takes["shape"], takes["dtype"]))
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"Edge TPU: it fails when it runs ({_last(error)}). {UNPLUG}") from error
    return "ok"


UNPLUG = "Unplug it and plug it in again; let a hub with a power supply of its own feed it"


def why_none(usb: Path = _USB, devices: Path = _DEVICES) -> str:
    """Why the library finds no device: it is not there, it may not be used, or it does not answer."""
    found = [entry for entry in _entries(usb) if _read(entry / "idVendor") + ":" + _read(entry / "idProduct") in IDS]
    nodes = [devices / f"bus/usb/{int(_read(e / 'busnum')):03}/{int(_read(e / 'devnum')):03}" for e in found]
    nodes += [devices / "apex_0"] if (devices / "apex_0").exists() else []
    if not nodes:
        return f"none is attached. Plug it in; `lsusb` shows {IDS[0]} or {IDS[1]} then"
    barred = [node for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if barred:
        return (
            f"no permission for {barred[0]}. Add the daemon's user to the group plugdev (PCIe: apex), and allow the"
            " device in its unit (DeviceAllow=)"
        )
    return f"it is attached ({nodes[0]}) and does not answer, or another program uses it. {UNPLUG}"


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _last(error: Exception) -> str:
    return " ".join(str(error).split())[-200:]
