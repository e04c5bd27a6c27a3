"""Connecting: protocol versions, logins, TLS, and the messages when it fails."""

from __future__ import annotations

import gc
import signal
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Message, Outcome
from edge_daemon.errors import BrokerError, ConfigError
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.address import resolve
from edge_daemon.mqtt.sink import MqttOptions, MqttSink
from edge_daemon.system.backoff import Backoff
from tests.support.brokers import small_brokers
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.certificates import FUTURE, NOW, PAST, certificate
from tests.support.records import reading

ONLINE = messages.availability("dock3", True)


def sink(**options: str) -> MqttSink:
    return MqttSink(MqttOptions(**options), "edge_daemon-dock3", partial(messages.availability, "dock3"))  # type: ignore[arg-type]


@pytest.fixture
def amqtt() -> Iterator[int]:
    """The port of an amqtt, which speaks MQTT 3.1.1 only."""
    broker = small_brokers.amqtt()
    broker.start()
    yield broker.port
    broker.stop()


def test_broker_without_mqtt_5(amqtt: int, tmp_path: Path) -> None:
    """A broker with MQTT 3.1.1 only gets all messages, with `online` and `offline`."""
    outbox, last_values = Outbox(tmp_path / "state", "dock3"), LastValueCache()
    there = sink(url=f"mqtt://127.0.0.1:{amqtt}")
    recorder = Recorder(amqtt, persist=False)
    courier = Courier(
        outbox, there, last_values, partial(messages.encode_record, "dock3", "candidates"), Backoff(0.02, 0.1)
    )
    for number in range(5):
        outbox.put(reading(number))
    courier.start()
    until(lambda: outbox.waiting == 0)
    assert there.version == "MQTT 3.1.1"
    assert courier.stop()
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online", "offline"])
    recorder.wait_for(lambda _: recorder.count("/history") == 4)
    assert [payload["value"] for payload in recorder.payloads("/units")] == [4]
    recorder.close()
    outbox.close()


def test_mqtt_5_is_always_tried_first(amqtt: int, broker: Mosquitto) -> None:
    """MQTT 5 is tried again at the next connection: the broker may have been upgraded, or slow."""
    there = sink(url=f"mqtt://127.0.0.1:{amqtt}")
    there.open()
    assert there.version == "MQTT 3.1.1"
    there.to = replace(there.to, port=broker.port)
    there.open()
    assert there.version == "MQTT 5"
    there.close(1.0)


def test_mosquitto_is_spoken_to_in_mqtt_5(broker: Mosquitto) -> None:
    """MQTT 3.1.1 is not used with a broker that knows MQTT 5."""
    there = sink(url=broker.url)
    there.open()
    assert there.version == "MQTT 5"
    assert there.deliver([Message("edge_daemon/dock3/event", b"{}", expiry=60)]) == [Outcome.DELIVERED]
    there.close(1.0)
    assert not there.up
    there.wake()  # a late put of the path does no harm


def test_nothing_is_delivered_without_a_connection() -> None:
    """Before `open` the outcome of every message is KEEP."""
    there = sink()
    assert there.deliver([ONLINE]) == [Outcome.KEEP]
    there.close(0.0)


LIFE = """
import sys, time
from functools import partial
from pathlib import Path
from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.sink import MqttOptions, MqttSink
sink = MqttSink(MqttOptions(sys.argv[1]), "edge_daemon-dock3", partial(messages.availability, "dock3"))
outbox = Outbox(Path(sys.argv[2]), "dock3")
Courier(outbox, sink, LastValueCache(), partial(messages.encode_record, "dock3", "candidates")).start()
time.sleep(60)
"""


def test_last_will(broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    """When the daemon is killed, the broker publishes `offline`."""
    daemon = subprocess.Popen([sys.executable, "-c", LIFE, broker.url, str(tmp_path / "state")])
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online"])
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online", "offline"])


def test_login(tmp_path: Path) -> None:
    """The password comes from its file; a wrong one is refused with a message, and is not printed."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "cam", "s3cret"], check=True, capture_output=True)
    broker = Mosquitto(tmp_path / "mosquitto", f"password_file {passwords}")
    broker.start()
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("s3cret\n")
    wrong.write_text("0ther\n")
    there = sink(url=broker.url, username="cam", password_file=str(right))
    there.open()
    there.close(1.0)
    for password_file in (str(wrong), ""):
        there = sink(url=broker.url, username="cam", password_file=password_file)
        with pytest.raises(BrokerError, match=r"127.0.0.1:\d+ refused the connection: Not authorized") as refused:
            there.open()
        assert "0ther" not in str(refused.value)
        there.close(0.0)
    broker.stop()


def tls_broker(folder: Path, cert: Path, key: Path, *more: str) -> Mosquitto:
    """A running mosquitto with this certificate."""
    broker = Mosquitto(folder / "mosquitto", "\n".join([f"certfile {cert}", f"keyfile {key}", *more]))
    broker.start()
    return broker


@pytest.mark.parametrize(
    ("served", "valid", "trusted", "expected", "trouble"),
    [
        ("localhost", NOW, "localhost", "", ""),
        ("broker.site", NOW, "broker.site", "broker.site", ""),
        ("localhost", NOW, "elsewhere", "", "self-signed certificate"),
        ("elsewhere", NOW, "elsewhere", "", "[Hh]ostname mismatch"),
        ("localhost", NOW, "localhost", "broker.site", "[Hh]ostname mismatch"),
        ("localhost", PAST, "localhost", "", "certificate has expired and must be renewed"),
        ("localhost", FUTURE, "localhost", "", "certificate is not yet valid"),
    ],
    ids=["right", "server_name", "unknown CA", "wrong host", "wrong server_name", "expired", "not yet valid"],
)
def test_tls(tmp_path: Path, served: str, valid: tuple[str, str], trusted: str, expected: str, trouble: str) -> None:
    """mqtts:// trusts `ca_file`, checks name and time, names the error, and leaves no socket open."""
    broker = tls_broker(tmp_path, *certificate(tmp_path / "served", served, valid))
    ca_file = tmp_path / "served" / f"{trusted}.crt"
    if trusted != served:
        ca_file, _ = certificate(tmp_path / "other", trusted)
    there = sink(url=f"mqtts://localhost:{broker.port}", ca_file=str(ca_file), server_name=expected)
    if trouble:
        with pytest.raises(BrokerError, match=trouble):
            there.open()
        gc.collect()  # a socket that is open fails this test, not a later one
    else:
        there.open()
        assert there.deliver([Message("edge_daemon/dock3/event", b"x" * 50_000)]) == [Outcome.DELIVERED]
    there.close(1.0)
    broker.stop()


def test_tls_at_a_plain_port(broker: Mosquitto) -> None:
    """mqtts:// at a port without TLS fails; it does not become a plain connection."""
    there = sink(url=f"mqtts://localhost:{broker.port}")
    with pytest.raises(BrokerError, match=r"(?i)wrong version number|reset by peer|EOF"):
        there.open()
    there.close(1.0)


def test_old_tls(tmp_path: Path) -> None:
    """A broker with at most TLS 1.1 is refused."""
    cert, key = certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings(action="ignore"):  # that it is old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer, suppress(OSError):
                context.wrap_socket(peer, server_side=True)

        server = threading.Thread(target=serve)
        server.start()
        there = sink(url=f"mqtts://localhost:{listener.getsockname()[1]}", ca_file=str(cert))
        with pytest.raises(BrokerError, match=r"(?i)version"):
            there.open()
        server.join()
    there.close(1.0)


@pytest.mark.parametrize("in_one_file", [False, True])
def test_client_certificate(tmp_path: Path, in_one_file: bool) -> None:
    """A broker that requires a client certificate gets it, and takes the user name from it; without one it refuses."""
    cert, key = certificate(tmp_path, "localhost")
    ours, our_key = certificate(tmp_path / "ours", "dock3")
    wants = [f"cafile {ours}", "require_certificate true", "use_identity_as_username true"]
    broker = tls_broker(tmp_path, cert, key, *wants)
    if in_one_file:
        ours.write_text(ours.read_text() + our_key.read_text())
    given = {"cert_file": str(ours)} | ({} if in_one_file else {"key_file": str(our_key)})
    there = sink(url=f"mqtts://localhost:{broker.port}", ca_file=str(cert), **given)
    there.open()
    there.close(1.0)
    assert any("u'dock3'" in line for line in broker.log)
    there = sink(url=f"mqtts://localhost:{broker.port}", ca_file=str(cert))
    with pytest.raises(BrokerError):
        there.open()
    there.close(1.0)
    broker.stop()


def test_credentials_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a slash is one of systemd's credentials if that exists; a path is a path."""
    (tmp_path / "mqtt-password").write_text("s3cret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert resolve(MqttOptions(password_file="mqtt-password")).password == "s3cret"
    with pytest.raises(ConfigError, match="password_file other: "):
        resolve(MqttOptions(password_file="other"))
    with pytest.raises(ConfigError, match=r"\./mqtt-password"):
        resolve(MqttOptions(password_file="./mqtt-password"))


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "http://localhost", "mqtt://", "mqtt://:1883", "mqtt://a:port", "mqtt://a:99999", "mqtt://a/b",
     "mqtt://[::1", "mqtt://a?x=1", "mqtt://a:0", "mqtt://a#x",
     " mqtt://a", "mqtt://a ", "mqtt://a\t", f"mqtt://{'x' * 70}", "mqtt://a..b"],
)  # fmt: skip
def test_url_that_cannot_be(url: str) -> None:
    """An invalid address is a configuration error before anything is tried."""
    with pytest.raises(ConfigError, match="url"):
        sink(url=url)


def test_password_in_the_url() -> None:
    """A login in the url is refused; the message names the right keys and does not repeat it."""
    with pytest.raises(ConfigError, match="password_file") as refused:
        sink(url="mqtt://cam:s3cret@localhost")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("key", ["password_file", "ca_file", "cert_file"])
def test_files_that_are_missing(key: str) -> None:
    """A missing file is a configuration error that names key and file."""
    with pytest.raises(ConfigError, match=f"{key} /no/such/file: .*No such file"):
        sink(url="mqtts://localhost", **{key: "/no/such/file"})


@pytest.mark.parametrize("name", [".site", "a..b", "x" * 70, "a\0b"])
def test_server_name_that_is_none(name: str) -> None:
    """A configuration error that names the key, before anything is connected."""
    with pytest.raises(ConfigError, match=r"\[mqtt\] server_name "):
        sink(url="mqtts://localhost", server_name=name)


def test_ports() -> None:
    """The default port is 1883, with TLS 8883."""
    for url, expected in (("mqtt://a", "a:1883"), ("mqtts://a", "a:8883"), ("mqtt://a:7", "a:7")):
        there = sink(url=url)
        assert str(there.to) == expected
        there.close(0.0)


def test_name_that_does_not_resolve() -> None:
    """An unknown host is named."""
    there = sink(url="mqtt://no-such-host.invalid")
    with pytest.raises(BrokerError, match=r"no-such-host\.invalid:1883 cannot be reached"):
        there.open()
    there.close(0.0)
