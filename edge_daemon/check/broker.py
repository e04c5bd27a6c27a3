"""The way to the broker, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from edge_daemon.check import broker_steps
from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.mqtt.address import resolve


def check(config: Config) -> Iterator[Found]:
    to, home_assistant = resolve(config.mqtt), config.mqtt.home_assistant != "off"
    try:
        yield from ((Level.OK, step) for step in broker_steps.steps(to, config.device, home_assistant))
    except broker_steps.Trouble as trouble:
        what, remedy = trouble.args
        yield Level.WARN if what.startswith("retain") else Level.FAIL, what, remedy
