"""Sends a command to a daemon over MQTT and waits for the response: `edge-daemon call`."""

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
from edge_daemon.mqtt.connection import V311, Timeouts, connect

TIMEOUT = 10.0
"""Seconds to wait for the response."""
REPEAT = 2.0
"""Seconds after which the request is sent again: the daemon may just be reconnecting."""


def call(broker: BrokerAddress, device: str, command: str, arguments: dict[str, Any], patience: float = TIMEOUT) -> Any:
    """The daemon's response: {"status": "ok", "data": ...} or {"status": "error", "error": ...}.

    Raises BrokerError when there is none.
    """
    timeouts = Timeouts()
    request, answer = messages.command_topics(device, command)
    link = connect(broker, "", timeouts)
    try:
        if not link.listen([answer], timeouts.connack):
            raise BrokerError(f"the broker does not allow subscribing to {answer}")
        transaction = os.urandom(8).hex()
        payload = msgspec.json.encode(arguments | {"transaction": transaction})
        message = Message(request, payload, correlation=transaction.encode())
        deadline, send_at = time.monotonic() + patience, 0.0
        while link.up and (left := deadline - time.monotonic()) > 0:
            if time.monotonic() >= send_at:
                link.publish(message)  # repeating it is harmless: a transaction is executed once
                send_at = time.monotonic() + REPEAT
            link.pump(min(left, REPEAT))
            while link.received:
                received = link.received.popleft()
                response = _response(received, answer)
                # a request that could not be read is answered without its transaction
                unread = received.correlation == transaction.encode() or link.version is V311
                told = response.pop("transaction", None)
                if told == transaction or (told is None and unread and response.get("status") == "error"):
                    return response
        raise BrokerError(f"{device} gave no answer within {patience:.0f} s: does it run, and is that its id?")
    finally:
        link.close()


def _response(received: ReceivedMessage, answer: str) -> dict[str, Any]:
    """The response in a message.

    {} for any other message: others may publish there, and amqtt sends unsubscribed ones.
    """
    if received.topic != answer:
        return {}
    with suppress(ValueError):
        response = messages.decode(answer, received.payload)
        return response if isinstance(response, dict) else {}
    return {}
