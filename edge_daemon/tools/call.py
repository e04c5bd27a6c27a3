"""Ask a daemon for something over MQTT and wait for its answer: the engine of `edge-daemon call`."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import msgspec

from edge_daemon.domain import Message, ReceivedMessage
from edge_daemon.errors import BrokerError
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import Timeouts, connect

PATIENCE = 10.0
"""Seconds to wait for an answer."""
AGAIN = 2.0
"""Seconds after which it is asked for once more: the daemon may just be coming back to its broker."""


def call(
    broker: BrokerAddress, device: str, command: str, arguments: dict[str, Any], patience: float = PATIENCE
) -> Any:
    """The response, as the daemon gave it: {"status": "ok", "data": ...} or {"status": "error", "error": ...}.

    Raises BrokerError when there is none.
    """
    timeouts = Timeouts()
    request, answer = messages.command_topics(device, command)
    link = connect(broker, "", timeouts)
    try:
        if not link.listen([answer], timeouts.connack):
            raise BrokerError(f"the broker does not let us listen to {answer}")
        transaction = os.urandom(8).hex()
        asked = Message(request, msgspec.json.encode(arguments | {"transaction": transaction}))
        deadline, ask_at = time.monotonic() + patience, 0.0
        while link.up and (left := deadline - time.monotonic()) > 0:
            if time.monotonic() >= ask_at:
                link.publish(asked)  # again and again does no harm: the transaction is carried out once
                ask_at = time.monotonic() + AGAIN
            link.pump(min(left, AGAIN))
            while link.received:
                said = _said(link.received.popleft(), answer)
                if said.pop("transaction", None) == transaction:
                    return said
        raise BrokerError(f"{device} gave no answer within {patience:.0f} s: is it running, and called so?")
    finally:
        link.close()


def _said(received: ReceivedMessage, answer: str) -> dict[str, Any]:
    """The response in a message. Anybody may say anything there, and amqtt also sends what nobody subscribed to."""
    if received.topic != answer:
        return {}
    with suppress(ValueError):
        said = messages.decode(answer, received.payload)
        return said if isinstance(said, dict) else {}
    return {}
