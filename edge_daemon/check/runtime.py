"""Checks the libraries: do they load, and do their versions fit together?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np

from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.system.child_process import child_environment

LOAD_SECONDS = 30.0
"""Time limit for loading picamera2; a Pi Zero takes ten seconds."""


def check(config: Config) -> Iterator[Found]:
    yield Level.OK, f"numpy {np.__version__}, OpenCV {cv2.__version__}"
    yield Level.OK, find_runtime().why
    if config.camera.kind == "picamera":
        yield _picamera2()


def _picamera2() -> Found:
    """Load picamera2 in a child process: versions that do not fit together can crash."""
    command = [sys.executable, "-c", "import picamera2, numpy; print(numpy.__version__)"]
    try:
        done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, timeout=LOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return Level.FAIL, f"picamera2 does not load within {LOAD_SECONDS:.0f} s", "Restart the machine."
    if done.returncode == 0:
        return Level.OK, "picamera2 loads together with them"
    last = (done.stderr.strip() or f"ended by signal {-done.returncode}").splitlines()[-1]
    if "numpy" in last and ("dtype size changed" in done.stderr or "multiarray" in done.stderr):
        what = f"numpy {np.__version__} does not fit the picamera2 of this system: {last}"
        return Level.FAIL, what, f"In the daemon's environment: {sys.executable} -m pip install 'numpy<2'"
    remedy = "sudo apt install python3-picamera2; the environment needs --system-site-packages to see it."
    return Level.FAIL, f"picamera2 does not load: {last}", remedy
