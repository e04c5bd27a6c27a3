"""Ask a daemon for something over MQTT and wait for its answer: the engine of `edge-daemon call`."""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec

from edge_daemon import wire
from edge_daemon.access import Access
from edge_daemon.domain import Message
from edge_daemon.errors import BrokerError
from edge_daemon.link import Times, dial

PATIENCE = 10.0
"""Seconds to wait for an answer."""


def call(broker: Access, device: str, command: str, arguments: dict[str, Any], patience: float = PATIENCE) -> Any:
    """The response, as the daemon gave it: {"status": "ok", "data": ...} or {"status": "error", "error": ...}.

    Raises BrokerError when there is none.
    """
    times = Times()
    request, answer = wire.exchange(device, command)
    link = dial(broker, "", times)
    try:
        if not link.listen([answer], times.connack):
            raise BrokerError(f"the broker does not let us listen to {answer}")
        transaction = os.urandom(8).hex()
        link.publish(Message(request, msgspec.json.encode(arguments | {"transaction": transaction})))
        deadline = time.monotonic() + patience
        while link.up and (left := deadline - time.monotonic()) > 0:
            link.pump(left)
            while link.heard:
                said = wire.decode(answer, link.heard.popleft().payload)
                if isinstance(said, dict) and said.pop("transaction", None) == transaction:
                    return said
        raise BrokerError(f"{device} gave no answer within {patience:.0f} s: is it running, and called so?")
    finally:
        link.close()
