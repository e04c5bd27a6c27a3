"""The way to the broker, step by step, so that the first that fails can be named, with what to do about it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing

from edge_daemon.domain import Message
from edge_daemon.errors import BrokerError, EdgeDaemonError
from edge_daemon.mqtt import connection as link
from edge_daemon.mqtt import home_assistant as discovery
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import V5, Link, Timeouts
from edge_daemon.system import clock

CONNECT = 5.0
"""Seconds for each step."""
_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = (62, 64)
"""X509_V_ERR_... codes of OpenSSL; 64: the certificate names no such address."""


class Trouble(EdgeDaemonError):
    """A step that failed; the second argument is the remedy."""


def steps(to: BrokerAddress, device: str, home_assistant: bool) -> Iterator[str]:
    """What each step found. Raises Trouble at the first that fails; what it says begins with the step's name."""
    yield f"DNS: {to.host} is {_address(to)}"
    yield from _reach(to)
    client_id = f"edge-daemon-check-{os.getpid()}-{os.urandom(3).hex()}"  # with the daemon's we would throw it out
    with closing(_log_in(to, client_id)) as connection:
        spoken = "MQTT 5" if connection.version is V5 else "MQTT 3.1.1"
        yield f"login: {to} accepts us{f' as {to.username}' if to.username else ''}, speaking {spoken}"
        yield from _rights(connection, device, home_assistant)


def _address(to: BrokerAddress) -> str:
    try:
        return str(socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        raise Trouble(f"DNS: no address is known for {to.host}", "Check [mqtt] url and the network (DNS).") from None


def _reach(to: BrokerAddress) -> Iterator[str]:
    try:
        plain = socket.create_connection((to.host, to.port), timeout=CONNECT)
    except OSError as error:
        raise Trouble(*_unreached(to, error)) from None
    with plain:
        yield f"TCP: port {to.port} is open"
        if not to.tls:
            return
        try:
            with to.tls.wrap_socket(plain, server_hostname=to.host) as secured:
                yield f"TLS: {secured.version()}, certificate and name are right"
        except OSError as error:
            raise Trouble(*_untrusted(to, error)) from None


def _unreached(to: BrokerAddress, error: OSError) -> tuple[str, str]:
    match error:
        case ConnectionRefusedError():
            return f"TCP: {to} refuses connections", "Is the broker running there, and listening to other machines?"
        case TimeoutError():
            remedy = "Check [mqtt] url, the network, and firewalls between here and there."
            return f"TCP: {to} does not answer", remedy
    return f"TCP: {to} cannot be reached: {error.strerror or error}", "Check [mqtt] url and the network."


def _untrusted(to: BrokerAddress, error: OSError) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        now = f"{messages.timestamp(time.time())[:16]}Z"
        if error.verify_code in _OTHER_NAME:
            remedy = "Use a name that is in the certificate, in [mqtt] url or as server_name."
            return f"host name: {to} shows a certificate for another name: {why}", remedy
        if error.verify_code == _NOT_YET or (error.verify_code == _EXPIRED and not clock.is_synced()):
            remedy = f"This machine's clock says {now}; set it (timedatectl), or wait until it is."
            return f"clock: {to} shows a certificate for another time: {why}", remedy
        if error.verify_code == _EXPIRED:
            return f"TLS chain: {to}: {why} (it is {now} here)", "Renew the broker's certificate."
        remedy = "Give [mqtt] ca_file the certificate of who signed the broker's."
        return f"TLS chain: {to} shows a certificate we do not trust: {why}", remedy
    if isinstance(error, TimeoutError):
        return f"TLS: {to} does not answer", "Is that a port for mqtts://? If not, [mqtt] url is mqtt://..."
    why = getattr(error, "reason", None) or error.strerror or str(error)
    remedy = "Is that a port for mqtts://? If not, [mqtt] url is mqtt://... It must know TLS 1.2 or newer."
    return f"TLS: {to} does not speak TLS with us ({why})", remedy


def _log_in(to: BrokerAddress, client_id: str) -> Link:
    try:
        return link.connect(to, client_id, Timeouts(connect=CONNECT, connack=CONNECT))
    except link.VersionError as error:
        remedy = "Is it an MQTT broker? Does that port want mqtts:// in [mqtt] url"
        remedy += ", or a certificate of ours (cert_file)?" if to.tls else "?"
        raise Trouble(f"login: {error}", remedy) from None
    except BrokerError as error:
        remedy = "Check [mqtt] username and password_file, and what the broker's log says."
        raise Trouble(f"login: {error}", remedy) from None


def _rights(connection: Link, device: str, home_assistant: bool) -> Iterator[str]:
    """Listening, publishing, retaining, as the daemon does it; but on a topic `check`."""
    base = messages.base(device)
    if not connection.acknowledges:
        remedy = "Let it take QoS 1 (mosquitto: max_qos 2): without, readings are lost when the network is."
        raise Trouble("publish: the broker acknowledges nothing (its Maximum QoS is 0)", remedy)
    if not connection.listen([*messages.request_topics(device), f"{base}/check"], CONNECT):
        remedy = f"Let this login read {base}/#."
        raise Trouble(f"ACL: the broker does not let us listen to {base}/request/#", remedy)
    _publish(connection, Message(f"{base}/check", b"{}"))
    if home_assistant:
        _publish(connection, Message(f"{discovery.PREFIX}/device/{device}/check", b"{}"))
    yield f"ACL: we may listen and publish{'' if connection.version is V5 else ', as far as MQTT 3.1.1 tells'}"
    yield from _retain(connection, Message(f"{base}/check", os.urandom(4).hex().encode(), retain=True))


def _publish(connection: Link, message: Message) -> None:
    mid = connection.publish(message)
    deadline = time.monotonic() + CONNECT
    while connection.up and (left := deadline - time.monotonic()) > 0:
        while connection.acknowledged:
            acknowledged, code = connection.acknowledged.popleft()
            if acknowledged == mid and code < 0x80:
                return
            if acknowledged == mid and code == 0x87:
                top = message.topic.split("/")[0]
                remedy = f"Let this login write {'/'.join(message.topic.split('/')[:-1])}/#"
                remedy += ', or say home_assistant = "off".' if top == discovery.PREFIX else "."
                raise Trouble(f"ACL: the broker does not let us publish to {message.topic}", remedy)
            if acknowledged == mid:
                remedy = "See what the broker's log says."
                raise Trouble(f"publish: the broker refuses {message.topic}: reason code 0x{code:02x}", remedy)
        connection.pump(left)
    why = "did not acknowledge it" if connection.up else f"hung up: {connection.lost}"
    raise Trouble(f"publish: {message.topic}: the broker {why}", "See what the broker's log says.")


def _retain(connection: Link, message: Message) -> Iterator[str]:
    """Publish, and ask for the topic again: what is retained comes once more."""
    remedy = "Let it retain (mosquitto: retain_available true): without, subscribers wait for the next reading."
    if not connection.retains:
        raise Trouble("retain: the broker keeps no retained messages", remedy)
    _publish(connection, message)
    try:
        connection.received.clear()
        connection.listen([message.topic], CONNECT)
        deadline = time.monotonic() + 1.0
        while connection.up and (left := deadline - time.monotonic()) > 0:
            if any(received.retain and received.payload == message.payload for received in connection.received):
                yield "retain: what is retained is there for who comes later"
                return
            connection.pump(left)
    finally:
        _publish(connection, Message(message.topic, b"", retain=True))
    raise Trouble(f"retain: {message.topic} was not there when asked for again; may this login read it?", remedy)
