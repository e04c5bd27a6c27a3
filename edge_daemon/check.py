"""Is all well? One finding a line, with the remedy where it is not."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from edge_daemon import link, units
from edge_daemon.access import Access, access
from edge_daemon.classifiers.tflite import TfliteClassifier
from edge_daemon.config import Config, load, state_folder
from edge_daemon.errors import BrokerError, ConfigError, EdgeDaemonError
from edge_daemon.networks import find_interpreter
from edge_daemon.sieve import Sieve
from edge_daemon.sources import open_source
from edge_daemon.strips import StripReader

FLAT = 16
"""Grey levels: a frame that spans less shows nothing."""
FIRST_FRAME = 5.0
"""Seconds in which a camera must have delivered one."""
CONNECT = 5.0
"""Seconds for each step on the way to the broker."""


class Level(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: str
    level: Level
    what: str
    remedy: str = ""


def checks(path: Path | None, section: str | None = None) -> Iterator[Finding]:
    """Look at one section, or at all, in order. Findings come as they are made: a camera takes seconds.

    When the configuration itself is wrong, what depends on it is not looked at.
    """
    wanted = [section] if section else list(SECTIONS)
    try:
        config = load(path)
    except ConfigError as error:
        yield from (Finding("config", Level.FAIL, line) for line in str(error).split("\n"))
        return
    for name in wanted:
        try:
            yield from (Finding(name, *found) for found in SECTIONS[name](config))
        except EdgeDaemonError as error:
            yield Finding(name, Level.FAIL, str(error))


Found = tuple[Level, str] | tuple[Level, str, str]
"""Level, what, remedy."""


def _config(config: Config) -> Iterator[Found]:
    read = f"{len(config.fields)} fields" if config.fields else "the whole frame"
    yield (
        Level.OK,
        f"device {config.device} reads {read} from {config.camera.kind} and publishes to {config.mqtt.url}",
    )


def _runtime(_: Config) -> Iterator[Found]:
    yield Level.OK, f"Python {platform.python_version()}, numpy {np.__version__}, OpenCV {cv2.__version__}"
    yield Level.OK, find_interpreter().why


def _model(config: Config) -> Iterator[Found]:
    Sieve()
    StripReader()
    classifier = TfliteClassifier(config.model)
    yield Level.OK, f"{classifier.name} on {classifier.backend}: undamaged, and reads its golden pictures right"


def _camera(config: Config) -> Iterator[Found]:
    kind = config.camera.kind
    start = time.monotonic()
    with closing(open_source(kind, config.camera.options).frames(tick=0.2)) as frames:  # type: ignore[type-var]
        for frame in frames:
            seconds = time.monotonic() - start
            if frame:
                height, width = frame.pixels.shape
                yield Level.OK, f"{kind} gave a frame of {width}x{height} after {seconds:.1f} s"
                if np.ptp(frame.pixels) < FLAT:
                    yield Level.WARN, "the frame is one flat shade", "Is the lens covered, or the light off?"
                return
            if seconds > FIRST_FRAME:
                break
    yield Level.FAIL, f"{kind} gave no frame within {FIRST_FRAME:.0f} s", "Check its cable and power, then try again."


def _broker(config: Config) -> Iterator[Found]:
    given = config.mqtt
    to = access(given)
    try:
        _reach(to)
        spoken = _log_in(to)
    except (OSError, UnicodeError) as error:
        yield Level.FAIL, *_trouble(to, error)
    else:
        yield Level.OK, f"{to} accepts us{f' as {to.username}' if to.username else ''}, {spoken}"


def _state(config: Config) -> Iterator[Found]:
    folder = state_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        remedy = "Give the daemon's user a folder it may write to, and name it in STATE_DIRECTORY."
        yield Level.FAIL, f"{existing} cannot be written to: {error.strerror}", remedy
        return
    yield Level.OK, f"{folder} can be written to"
    free, wanted = shutil.disk_usage(existing).free, units.size(config.outbox.max_size)
    if free < wanted:
        what = f"{free // 10**6} MB are free there, and [outbox] max_size is {config.outbox.max_size}"
        yield Level.WARN, what, "Free some space, or lower max_size."


SECTIONS: dict[str, Callable[[Config], Iterator[Found]]] = {
    "config": _config,
    "runtime": _runtime,
    "model": _model,
    "camera": _camera,
    "broker": _broker,
    "state": _state,
}


# On the way to the broker


def _reach(to: Access) -> None:
    """Name, port, certificate: one after the other, so that the first that fails can be named. Raises OSError."""
    socket.getaddrinfo(to.host, to.port)
    with socket.create_connection((to.host, to.port), timeout=CONNECT) as plain:
        if to.tls:
            to.tls.wrap_socket(plain, server_hostname=to.host).close()


def _log_in(to: Access) -> str:
    """CONNECT under a name of its own: a client with the daemon's would throw the daemon out. Raises BrokerError."""
    client_id = f"edge-daemon-check-{os.getpid()}-{os.urandom(3).hex()}"
    connection = link.dial(to, client_id, link.Times(connect=CONNECT, connack=CONNECT))
    connection.close()
    return "speaking MQTT 5" if connection.version is link.V5 else "speaking MQTT 3.1.1"


def _trouble(to: Access, error: Exception) -> tuple[str, str]:
    """What went wrong on the way, and what to do."""
    match error:
        case link.VersionError():
            return str(error), "Is it an MQTT broker? Does that port want mqtts:// in [mqtt] url?"
        case BrokerError():
            return str(error), "Check [mqtt] username and password_file, and what the broker's log says."
        case socket.gaierror() | UnicodeError():
            return f"no address is known for {to.host}", "Check [mqtt] url and the network (DNS)."
        case ConnectionRefusedError():
            return f"{to} refuses connections", "Is the broker running there, and listening to other machines?"
        case TimeoutError():
            return f"{to} does not answer", "Check [mqtt] url, the network, and firewalls between here and there."
        case ssl.SSLCertVerificationError():
            remedy = "Check [mqtt] ca_file, the name in the url, and this machine's clock."
            return f"{to} shows a certificate we do not trust: {error.verify_message.rstrip('.')}", remedy
        case ssl.SSLError() | ConnectionResetError() if to.tls:
            return f"{to} does not speak TLS with us", "Is that a port for mqtts://? If not, [mqtt] url is mqtt://..."
    return f"{to} cannot be reached: {error}", "Check [mqtt] url and the network."
