"""Runs the checks, section by section. Each section is a module here.

To add one: its module, a row in SECTIONS, and its name in cli/daemon.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edge_daemon.check import broker, camera, machine, model, opinion, runtime, service, state, system, updates
from edge_daemon.check.finding import Finding, Found, Level
from edge_daemon.config.schema import Config, load
from edge_daemon.errors import ConfigError, EdgeDaemonError
from edge_daemon.system.urls import hide_path

__all__ = ["SECTIONS", "Finding", "Level", "checks"]

CONFIG_REMEDY = "Correct it there; `edge-daemon config` prints every key with its explanation."
"""The remedy for a wrong configuration."""


def checks(path: Path | None, section: str | None = None) -> Iterator[Finding]:
    """The findings of one section, or of all in order, as they are made: a camera takes seconds.

    If the configuration itself is wrong, only that is reported.
    """
    wanted = [section] if section else list(SECTIONS)
    try:
        config = load(path)
    except ConfigError as error:
        yield from (Finding("config", Level.FAIL, line, CONFIG_REMEDY) for line in str(error).split("\n"))
        return
    for name in wanted:
        try:
            yield from (Finding(name, *found) for found in SECTIONS[name](config))
        except EdgeDaemonError as error:
            yield Finding(name, Level.FAIL, str(error), f"Correct that and check again: edge-daemon check {name}")


def _config(config: Config) -> Iterator[Found]:
    count = len(config.fields)
    read = f"{count} field{'s' if count > 1 else ''}" if count else "the whole frame"
    brokers = " or ".join(map(hide_path, config.mqtt.urls))
    yield Level.OK, f"device {config.device} reads {read} from {config.camera.kind} and publishes to {brokers}"


SECTIONS: Mapping[str, Callable[[Config], Iterator[Found]]] = {
    "config": _config,
    "system": system.check,
    "runtime": runtime.check,
    "model": model.check,
    "camera": camera.check,
    "mqtt": broker.check,
    "state": state.check,
    "updates": updates.check,
    "opinion": opinion.check,
    "machine": machine.check,
    "service": service.check,
}
