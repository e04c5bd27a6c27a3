"""Checks second opinions: do cut-outs of numbers leave the device, and encrypted? Is the engine installed?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.mqtt.address import parse_url
from edge_daemon.second_opinion.budget import Budget
from edge_daemon.second_opinion.engine import MISSING
from edge_daemon.second_opinion.messages import question_topic
from edge_daemon.system.folders import state_folder

LOCAL = ("localhost", "127.0.0.1", "::1")


def check(config: Config) -> Iterator[Found]:
    per_day = config.opinion.per_day
    if not per_day:
        yield Level.OK, "second opinions are off, no cut-out leaves the device: [opinion] per_day is 0"
        return
    left = Budget(state_folder() / "opinions.json", per_day).left
    if config.opinion.where == "here":
        if find_spec("rapidocr") is None:
            yield Level.FAIL, '[opinion] where is "here", and the engine is not installed', f"{MISSING}."
            return
        yield Level.OK, f"second opinions are given on this device, at most {per_day} a day, {left} more today"
        return
    yield (
        Level.OK,
        f"cut-outs of uncertain numbers go to {question_topic(config.device)},"
        f" at most {per_day} a day, {left} more today; `edge-daemon opinion serve` answers them",
    )
    parsed = [parse_url(url) for url in config.mqtt.urls]
    if open_hosts := [host for host, _, tls in parsed if not tls and host not in LOCAL]:
        yield (
            Level.WARN,
            f"the cut-outs go to {', '.join(open_hosts)} unencrypted",
            'Write [mqtt] url = "mqtts://..." if others can read the network traffic.',
        )
