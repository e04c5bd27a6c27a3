"""Exports health metrics: a Prometheus text file, and health.json for programs on this machine."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from edge_daemon.system import atomic, regular_file
from edge_daemon.system.units import Size

log = logging.getLogger(__name__)

FILE = "health.json"
"""The name of the JSON file in the daemon's runtime folder."""
COUNTERS = {"frames", "accepted", "rejected", "connects", "written_bytes"}
"""Metrics that only grow; all others are gauges."""
HELP = {
    "up": "1 while the daemon runs; absent or old otherwise",
    "frame_age_s": "seconds since the newest picture of the camera",
    "last_good_age_s": "seconds since the last reading that was ok",
    "frame_ms": "milliseconds from the frame to its result",
    "queue": "records that wait for the broker, were dropped, refused, salvaged or lost",
    "rejected": "readings that were not ok, by status",
    "problem": "1 for each code of the problem topic that is on",
}


@dataclass(frozen=True, slots=True)
class HealthOptions:
    """The [health] table of the configuration."""

    max_memory: Annotated[int, Size("150MB", "1000GB")] = 300_000_000
    """Bytes of memory above which the daemon restarts itself."""
    prometheus_file: str = ""
    """A file with the health for Prometheus (node_exporter's textfile collector); empty: none."""


def as_prometheus(device: str, facts: Mapping[str, Any], problems: Mapping[str, str]) -> str:
    """The health in Prometheus' text format, version 0.0.4; every metric begins with edge_daemon_."""
    lines: list[str] = []
    for name, value in [("up", 1), *facts.items(), ("problem", dict.fromkeys(problems, 1))]:
        samples = [*_samples(name, value, f'device="{device}"')]
        if samples:
            metric = f"edge_daemon_{name}"
            lines += [f"# HELP {metric} {HELP[name]}"] if name in HELP else []
            lines += [f"# TYPE {metric} {'counter' if name in COUNTERS else 'gauge'}", *samples]
    return "\n".join(lines) + "\n"


def _samples(name: str, value: object, labels: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _samples(name, inner, f'{labels},kind="{key}"')
    elif isinstance(value, (bool, int, float)):
        yield f"edge_daemon_{name}{{{labels}}} {_exact(value)}"
    elif name == "throttled" and isinstance(value, str):
        yield f"edge_daemon_{name}{{{labels}}} {int(value, 16)}"


def _exact(value: float) -> str:
    """The number with all its digits: a rounded counter would stand still and then jump."""
    return str(int(value)) if value == int(value) else repr(value)


def as_json(facts: Mapping[str, Any], problems: Mapping[str, str]) -> str:
    """The health with the problems, as in the runtime folder."""
    return json.dumps({**facts, "problems": dict(problems)})


class HealthFiles:
    """Writes both files. A disk error is logged once and stops nothing."""

    def __init__(self, device: str, options: HealthOptions, folder: Path | None) -> None:
        """`folder` is the daemon's runtime folder; None: no JSON file."""
        self._device = device
        self._prometheus = Path(options.prometheus_file) if options.prometheus_file else None
        self._json = folder / FILE if folder else None
        self._broken: set[Path] = set()

    def write(self, facts: Mapping[str, Any], problems: Mapping[str, str]) -> None:
        if self._json:
            self._replace(self._json, as_json(facts, problems))
        if self._prometheus:
            # for another user's program, wherever the path is
            self._replace(self._prometheus, as_prometheus(self._device, facts, problems), mode=0o644)

    def close(self) -> None:
        """Remove the files: they must not outlive the daemon."""
        for path in filter(None, (self._json, self._prometheus)):
            with suppress(OSError):
                path.unlink()

    def _replace(self, path: Path, text: str, mode: int | None = None) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.replace_unsynced(path, text.encode(), mode)
        except OSError as error:
            if path not in self._broken:
                log.warning("%s: the health file cannot be written: %s", path, error.strerror)
            self._broken.add(path)
        else:
            self._broken.discard(path)


def read(folder: Path) -> dict[str, Any] | None:
    """The health that a daemon with this runtime folder wrote last; None: there is none. Raises OSError."""
    with suppress(FileNotFoundError, ValueError):
        found: dict[str, Any] = json.loads(regular_file.read(folder / FILE))
        return found
    return None
