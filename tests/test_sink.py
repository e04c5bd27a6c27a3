"""Getting in: protocol versions, logins, TLS, and what is said when it fails."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from edge_daemon import wire
from edge_daemon.courier import Backoff, Board, Courier
from edge_daemon.domain import Message, Outcome
from edge_daemon.errors import BrokerError, ConfigError
from edge_daemon.link import V5, V311
from edge_daemon.outbox import Outbox
from edge_daemon.sinks.mqtt import MqttSink, Options
from tests.broker import Mosquitto, Recorder, free_port, until
from tests.records import reading

ONLINE = wire.availability("dock3", True)


def sink(**options: str) -> MqttSink:
    return MqttSink(Options(**options), "edge_daemon-dock3", partial(wire.availability, "dock3"))  # type: ignore[arg-type]


AMQTT = """
import asyncio, sys
from amqtt.broker import Broker

async def serve():
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}}
    await Broker({"listeners": listeners, "plugins": plugins}).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@pytest.fixture
def amqtt() -> Iterator[int]:
    """The port of an amqtt, which speaks MQTT 3.1.1 only."""
    port = free_port()
    command = [sys.executable, "-c", AMQTT, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield port
        process.kill()


def test_broker_without_mqtt_5(amqtt: int, tmp_path: Path) -> None:
    """A broker that speaks only 3.1.1 gets everything too, `online` and `offline` included."""
    outbox, board = Outbox(tmp_path / "state", "dock3"), Board()
    there = sink(url=f"mqtt://127.0.0.1:{amqtt}")
    recorder = Recorder(amqtt, persist=False)
    courier = Courier(outbox, there, board, partial(wire.encode, "dock3", "candidates"), Backoff(0.02, 0.1))
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


def test_version_that_worked_is_tried_first(amqtt: int) -> None:
    """Against a 3.1.1 broker only the first connection pays for asking with MQTT 5; a failure asks anew."""
    there = sink(url=f"mqtt://127.0.0.1:{amqtt}")
    assert there._version is V5
    there.open()
    assert there._version is V311
    there.open()
    assert there._version is V311
    there.to = replace(there.to, port=free_port())
    with pytest.raises(BrokerError):
        there.open()
    assert there._version is V5
    there.close(1.0)


def test_mosquitto_is_spoken_to_in_mqtt_5(broker: Mosquitto) -> None:
    """A broker that knows MQTT 5 is not talked down to."""
    there = sink(url=broker.url)
    there.open()
    assert there.version == "MQTT 5"
    assert there.deliver([Message("edge_daemon/dock3/event", b"{}", expiry=60)]) == [Outcome.DELIVERED]
    there.close(1.0)
    assert not there.up
    there.ring()  # a late put of the path does no harm


def test_nothing_is_delivered_without_a_connection() -> None:
    """Before `open` everything is kept."""
    there = sink()
    assert there.deliver([ONLINE]) == [Outcome.KEEP]
    there.close(0.0)


LIFE = """
import sys, time
from functools import partial
from pathlib import Path
from edge_daemon import wire
from edge_daemon.courier import Board, Courier
from edge_daemon.outbox import Outbox
from edge_daemon.sinks.mqtt import MqttSink, Options
sink = MqttSink(Options(sys.argv[1]), "edge_daemon-dock3", partial(wire.availability, "dock3"))
outbox = Outbox(Path(sys.argv[2]), "dock3")
Courier(outbox, sink, Board(), partial(wire.encode, "dock3", "candidates")).start()
time.sleep(60)
"""


def test_last_will(broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    """When the daemon is killed, the broker says `offline` for it."""
    daemon = subprocess.Popen([sys.executable, "-c", LIFE, broker.url, str(tmp_path / "state")])
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online"])
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    recorder.wait_for(lambda _: recorder.payloads("/availability") == ["online", "offline"])


def test_login(tmp_path: Path) -> None:
    """The password comes from its file; a wrong one is refused in words, and appears nowhere."""
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
        with pytest.raises(BrokerError, match=r"127.0.0.1:\d+ refused us: Not authorized") as refused:
            there.open()
        assert "0ther" not in str(refused.value)
        there.close(0.0)
    broker.stop()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for a host, and its key."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


# paho lets go of its socket, without closing it, when the handshake fails; counting references closes it
@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")
@pytest.mark.parametrize(
    ("served", "trusted", "trouble"),
    [
        ("localhost", "localhost", ""),
        ("localhost", "elsewhere", "self-signed certificate"),
        ("elsewhere", "elsewhere", "[Hh]ostname mismatch"),
        ("", "localhost", "(?i)wrong version number|reset by peer|EOF"),
    ],
    ids=["right", "unknown CA", "wrong host", "plaintext port"],
)
def test_tls(tmp_path: Path, served: str, trusted: str, trouble: str) -> None:
    """mqtts:// trusts what `ca_file` says, checks the host name, and names the trouble."""
    certificates = {name: certificate(tmp_path, name) for name in ("localhost", "elsewhere")}
    cert, key = certificates.get(served, ("", ""))
    broker = Mosquitto(tmp_path / "mosquitto", f"certfile {cert}\nkeyfile {key}" if served else "")
    broker.start()
    there = sink(url=f"mqtts://localhost:{broker.port}", ca_file=str(certificates[trusted][0]))
    if trouble:
        with pytest.raises(BrokerError, match=trouble):
            there.open()
    else:
        there.open()
        assert there.deliver([Message("edge_daemon/dock3/event", b"x" * 50_000)]) == [Outcome.DELIVERED]
    there.close(1.0)
    broker.stop()


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "http://localhost", "mqtt://", "mqtt://:1883", "mqtt://a:port", "mqtt://a:99999", "mqtt://a/b",
     "mqtt://[::1", f"mqtt://{'x' * 70}", "mqtt://a..b"],
)  # fmt: skip
def test_url_that_cannot_be(url: str) -> None:
    """An impossible broker is a configuration error before anything is tried."""
    with pytest.raises(ConfigError, match="url"):
        sink(url=url)


def test_password_in_the_url() -> None:
    """A login in the url is refused, pointing to where it belongs, without repeating it."""
    with pytest.raises(ConfigError, match="password_file") as refused:
        sink(url="mqtt://cam:s3cret@localhost")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_files_that_are_missing(key: str) -> None:
    """A missing file is a configuration error that names key and file."""
    with pytest.raises(ConfigError, match=f"{key} /no/such/file: .*No such file"):
        sink(url="mqtts://localhost", **{key: "/no/such/file"})


def test_ports() -> None:
    """Without a port the usual one is taken: 1883, with TLS 8883."""
    for url, expected in (("mqtt://a", "a:1883"), ("mqtts://a", "a:8883"), ("mqtt://a:7", "a:7")):
        there = sink(url=url)
        assert str(there.to) == expected
        there.close(0.0)


def test_name_that_does_not_resolve() -> None:
    """A host nobody knows is named."""
    there = sink(url="mqtt://no-such-host.invalid")
    with pytest.raises(BrokerError, match=r"no-such-host\.invalid:1883 cannot be reached"):
        there.open()
    there.close(0.0)
