"""The way to the broker, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from edge_daemon import check_mqtt
from edge_daemon.access import access
from edge_daemon.check.finding import Found, Level
from edge_daemon.config import Config


def check(config: Config) -> Iterator[Found]:
    to, home_assistant = access(config.mqtt), config.mqtt.home_assistant != "off"
    try:
        yield from ((Level.OK, step) for step in check_mqtt.steps(to, config.device, home_assistant))
    except check_mqtt.Trouble as trouble:
        what, remedy = trouble.args
        yield Level.WARN if what.startswith("retain") else Level.FAIL, what, remedy
