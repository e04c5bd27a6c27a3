"""Checks the way to the broker step by step, and names the first step that fails with a remedy."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import msgspec

from edge_daemon.announce import discovery
from edge_daemon.check.finding import Found, Level
from edge_daemon.config.schema import Config
from edge_daemon.domain import Message
from edge_daemon.errors import BrokerError, EdgeDaemonError
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import BrokerAddress, resolve
from edge_daemon.mqtt.connection import EXPIRED, NOT_YET_VALID, V5, Link, Timeouts, VersionError, connect
from edge_daemon.mqtt.home_assistant import BIRTH
from edge_daemon.mqtt.home_assistant import PREFIX as DISCOVERY_PREFIX
from edge_daemon.mqtt.payloads import ProblemPayload
from edge_daemon.system import clock

STEP_SECONDS = 5.0
"""Time limit of each step."""
RETAIN_SECONDS = 1.0
"""Seconds in which the broker must send a retained message again."""
_OTHER_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
FOUND_BY_THE_DAEMON = {"client_id_in_use", "too_large", "broker_cuts", "broker_refuses", "flood"}
"""Codes of `problem` that only show while the daemon runs."""
_NOT_AUTHORIZED = 0x87
"""MQTT 5 reason code."""


class StepError(EdgeDaemonError):
    """A step failed: (what, which begins with the step's name; the remedy)."""


def check(config: Config, to: BrokerAddress | None = None) -> Iterator[Found]:
    """The result of each step to the broker `to` (None: the configured ones), up to the first that fails of each."""
    for address in (to or resolve(config.mqtt)).in_turn():
        try:
            yield from steps(replace(address, others=()), config)  # no other one may answer for it
        except StepError as error:
            yield Level.FAIL, *error.args


def steps(to: BrokerAddress, config: Config) -> Iterator[Found]:
    """The result of each step, which begins with the step's name. Raises StepError where the others make no sense."""
    yield Level.OK, f"DNS: {to.host} is {_address(to)}"
    for result in _reach(to):
        yield Level.OK, result
    # with the daemon's id the broker would disconnect the daemon
    client_id = f"edge-daemon-check-{os.getpid()}-{os.urandom(3).hex()}"
    with closing(_log_in(to, client_id)) as connection:
        version = "MQTT 5" if connection.version is V5 else f"MQTT 3.1.1 (with MQTT 5: {connection.why_not_5})"
        yield Level.OK, f"login: {to} accepts the login{f' as {to.username}' if to.username else ''}, with {version}"
        yield from _rights(connection, config.device, config.mqtt.home_assistant != "off")
        yield from _retain(connection, config.device)
        yield from _problem(connection, config.device)
        yield from _size(connection, config)


def _address(to: BrokerAddress) -> str:
    try:
        return str(socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        raise StepError(f"DNS: no address is known for {to.host}", "Check [mqtt] url and the network (DNS).") from None


def _reach(to: BrokerAddress) -> Iterator[str]:
    try:
        plain = socket.create_connection((to.host, to.port), timeout=STEP_SECONDS)
    except OSError as error:
        raise StepError(*_unreachable(to, error)) from None
    with plain:
        yield f"TCP: port {to.port} is open"
        if not to.tls:
            return
        try:
            with to.tls.wrap_socket(plain, server_hostname=to.host) as secured:
                yield f"TLS: {secured.version()}, the certificate and its name are right"
        except OSError as error:
            raise StepError(*_tls_failed(to, error)) from None


def _unreachable(to: BrokerAddress, error: OSError) -> tuple[str, str]:
    match error:
        case ConnectionRefusedError():
            return (
                f"TCP: {to} refuses connections",
                "Is the broker running there, and listening to other machines?",
            )
        case TimeoutError():
            remedy = "Check [mqtt] url, the network, and firewalls in between."
            return f"TCP: {to} does not answer", remedy
    return f"TCP: {to} cannot be reached: {error.strerror or error}", "Check [mqtt] url and the network."


def _tls_failed(to: BrokerAddress, error: OSError) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        now = f"{messages.timestamp(time.time())[:16]}Z"
        if error.verify_code in _OTHER_NAME:
            remedy = "Use a name that is in the certificate, in [mqtt] url or as server_name."
            return f"host name: {to} shows a certificate for another name: {why}", remedy
        if error.verify_code == NOT_YET_VALID:
            remedy = f"This machine's clock says {now}; set it (timedatectl), or wait until it is set."
            return f"clock: {to} shows a certificate for another time: {why}", remedy
        if error.verify_code == EXPIRED:
            remedy = "Renew the broker's certificate."
            if not clock.is_synced():
                remedy += " If the time here is wrong, set this machine's clock instead (timedatectl)."
            return f"TLS chain: {to}: {why} (it is {now} here)", remedy
        remedy = "Set [mqtt] ca_file to the certificate of the authority that signed the broker's certificate."
        return f"TLS chain: {to} shows a certificate that is not trusted: {why}", remedy
    if isinstance(error, TimeoutError):
        return f"TLS: {to} does not answer", 'Is that a port for mqtts://? If not, write [mqtt] url = "mqtt://...".'
    why = getattr(error, "reason", None) or error.strerror or str(error)
    remedy = "Is that a port for mqtts://? If not, write mqtt://... in [mqtt] url. TLS 1.2 or newer is needed."
    return f"TLS: {to} does not speak TLS with us ({why})", remedy


def _log_in(to: BrokerAddress, client_id: str) -> Link:
    try:
        return connect(to, client_id, Timeouts(STEP_SECONDS, STEP_SECONDS, STEP_SECONDS))
    except VersionError as error:
        remedy = "Is it an MQTT broker? Does that port need mqtts:// in [mqtt] url"
        remedy += ", or a client certificate (cert_file)?" if to.tls else "?"
        raise StepError(f"login: {error}", remedy) from None
    except BrokerError as error:
        remedy = "Check [mqtt] username and password_file, and look into the broker's log."
        raise StepError(f"login: {error}", remedy) from None


def _rights(connection: Link, device: str, home_assistant: bool) -> Iterator[Found]:
    """Subscribe and publish as the daemon does, but on a topic `check`."""
    base = messages.base(device)
    if connection.max_qos == 0:
        remedy = "Allow QoS 1 (mosquitto: max_qos 2): with QoS 0 a refused message is not noticed."
        yield Level.WARN, "publish: the broker knows only QoS 0; all messages are sent with it", remedy
    if not connection.listen([*messages.request_topics(device), f"{base}/check"], STEP_SECONDS):
        remedy = f"Allow this login to read {base}/#."
        raise StepError(f"ACL: the broker does not allow subscribing to {', '.join(connection.denied)}", remedy)
    _publish(connection, Message(f"{base}/check", b"{}"))
    if home_assistant:
        if not connection.listen([BIRTH], STEP_SECONDS):
            remedy = f'Allow this login to read {BIRTH}, or set home_assistant = "off".'
            raise StepError(f"ACL: the broker does not allow subscribing to {BIRTH}", remedy)
        _publish(connection, Message(f"{DISCOVERY_PREFIX}/device/{device}/check", b"{}"))
    limits = "" if connection.version is V5 else ", as far as MQTT 3.1.1 shows"
    yield Level.OK, f"ACL: subscribing and publishing are allowed{limits}"


def _publish(connection: Link, message: Message) -> None:
    mid = connection.publish(message)
    deadline = time.monotonic() + STEP_SECONDS
    while connection.up and (left := deadline - time.monotonic()) > 0:
        while connection.acknowledged:
            acknowledged, code = connection.acknowledged.popleft()
            if acknowledged == mid and code < 0x80:
                return
            if acknowledged == mid and code == _NOT_AUTHORIZED:
                top = message.topic.split("/")[0]
                remedy = f"Allow this login to write {'/'.join(message.topic.split('/')[:-1])}/#"
                remedy += ', or set home_assistant = "off".' if top == DISCOVERY_PREFIX else "."
                raise StepError(f"ACL: the broker does not allow publishing to {message.topic}", remedy)
            if acknowledged == mid:
                remedy = "Look into the broker's log."
                raise StepError(f"publish: the broker refuses {message.topic}: reason code 0x{code:02x}", remedy)
        connection.pump(left)
    why = "did not acknowledge it" if connection.up else f"closed the connection: {connection.lost}"
    raise StepError(f"publish: {message.topic}: the broker {why}", "Look into the broker's log.")


def _retain(connection: Link, device: str) -> Iterator[Found]:
    """Publish a retained message and subscribe again: the broker must send it once more."""
    remedy = "Allow retaining (mosquitto: retain_available true): without it subscribers wait for the next reading."
    if not connection.retains:
        yield Level.WARN, "retain: the broker keeps no retained messages", remedy
        return
    message = Message(f"{messages.base(device)}/check", os.urandom(4).hex().encode(), retain=True)
    _publish(connection, message)
    try:
        if message.payload in _retained(connection, message.topic):
            yield Level.OK, "retain: a retained message is sent to a later subscriber"
        else:
            what = f"{message.topic} was not sent to a second subscription; is this login allowed to read it?"
            yield Level.WARN, f"retain: {what}", remedy
    finally:
        _publish(connection, Message(message.topic, b"", retain=True))


def _problem(connection: Link, device: str) -> Iterator[Found]:
    """What the daemon itself has found out about the broker: its retained `problem`."""
    topic = f"{messages.base(device)}/problem"
    for payload in _retained(connection, topic) if connection.retains else []:
        with suppress(ValueError):
            problem = msgspec.json.decode(payload, type=ProblemPayload)
            if FOUND_BY_THE_DAEMON & set(problem.codes):
                yield Level.WARN, f"daemon: {problem.text}", f"The daemon {device} reports this on {topic}."


def _retained(connection: Link, topic: str) -> list[bytes]:
    """What the broker retains on a topic, by a new subscription. It waits RETAIN_SECONDS if there is nothing."""
    connection.received.clear()
    connection.listen([topic], STEP_SECONDS)
    deadline = time.monotonic() + RETAIN_SECONDS
    while connection.up and (left := deadline - time.monotonic()) > 0:
        if found := [each.payload for each in connection.received if each.retain and each.topic == topic]:
            return found
        connection.pump(left)
    return []


def _size(connection: Link, config: Config) -> Iterator[Found]:
    """Publish as many bytes as the longest message has, the one to Home Assistant. The last step: the broker may cut
    the connection."""
    longest = max((len(message.payload) for message in discovery(config, {})), default=0)
    if not longest:
        return
    remedy = (
        f"Allow messages of {longest} bytes (mosquitto: message_size_limit, max_packet_size), "
        'or set home_assistant = "off". Readings are shorter and are sent; longer messages are left out.'
    )
    message = Message(f"{messages.base(config.device)}/check", bytes(longest))
    if not connection.fits(message):
        yield Level.WARN, f"size: the broker takes no messages of {longest} bytes, as for Home Assistant", remedy
        return
    try:
        _publish(connection, message)
        yield Level.OK, f"size: a message of {longest} bytes, the longest, is accepted"
    except StepError as error:
        yield Level.WARN, f"size: a message of {longest} bytes, as for Home Assistant: {error.args[0]}", remedy
