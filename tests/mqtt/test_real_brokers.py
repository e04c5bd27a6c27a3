"""The whole daemon with real brokers: readings, retained messages, commands, and reconnecting."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support import schema_check
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.brokers.rabbitmq import SERVER, RabbitMQ
from tests.support.brokers.small_brokers import AEDES, aedes, amqtt
from tests.support.pictures.paper import write_page
from tests.support.program import call, daemon
from tests.support.received import has_texts


class Broker(Protocol):
    port: int
    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


needs_rabbitmq = pytest.mark.skipif(not SERVER.exists(), reason="no RabbitMQ: apt-get install rabbitmq-server")
needs_aedes = pytest.mark.skipif(not AEDES, reason="EDGE_DAEMON_AEDES names no folder in which aedes was installed")


@pytest.fixture(
    params=[
        "mosquitto",
        "amqtt",
        pytest.param("rabbitmq", marks=needs_rabbitmq),
        pytest.param("aedes", marks=needs_aedes),
    ]
)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Broker, str, bool]]:
    """A running broker, its MQTT version, and whether retained messages survive its restart."""
    broker: Broker
    match request.param:
        case "mosquitto":
            broker, spoken, keeps = Mosquitto(tmp_path / "broker"), "MQTT 5", True
        case "rabbitmq":
            broker, spoken, keeps = RabbitMQ(tmp_path / "broker"), "MQTT 3.1.1", True
        case "amqtt":
            broker, spoken, keeps = amqtt(), "MQTT 3.1.1", False
        case _:
            broker, spoken, keeps = aedes(), "MQTT 3.1.1", False
    broker.start()
    yield broker, spoken, keeps
    broker.stop()


def held(broker: Broker, topic: str) -> Any:
    """The retained message of one topic; subscribed by name, as RabbitMQ sends none for a wildcard."""
    subscriber = Recorder(broker.port, f"edge_daemon/bench/{topic}", client_id="", persist=False)
    try:
        subscriber.wait_for(lambda heard: heard)
        return subscriber.payloads(topic)[0]
    finally:
        subscriber.close()


def answer(broker: Broker, *words: str) -> Any:
    """The answer to a command, by `edge-daemon call`."""
    done = call(broker.url, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_whole_daemon(tmp_path: Path, there: tuple[Broker, str, bool]) -> None:
    """Readings arrive and are retained, a command is answered, a restart survived; `mqtt clean` clears all topics."""
    broker, spoken, keeps = there
    path = write_page(tmp_path, ("2021", 60, 80), ("38", 80, 280))
    recorder = Recorder(broker.port, persist=False)
    camera = f'source = "files"\npath = "{path}"\nloop = true'
    more = 'longest_wait = "1s"\n[[field]]\nname = "tank"\nregion = [0.05, 0.5, 0.5, 0.4]\nsettle = "1s"\n'
    with daemon(tmp_path, broker.url, camera, more) as process:
        recorder.wait_for(has_texts("38"))
        assert held(broker, "availability") == "online"
        assert held(broker, "reading/tank")["value"] == 38
        assert answer(broker, "health_check")["connects"] == 1
        broker.stop()
        broker.start()
        if keeps:
            assert held(broker, "reading/tank")["replayed"] is False
        assert answer(broker, "health_check")["connects"] == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert f"({spoken})" in process.stderr.read()
    recorder.wait_for(lambda heard: heard[-1] == ("edge_daemon/bench/availability", b"offline"))
    assert held(broker, "availability") == "offline"
    schema_check.check_all(recorder.heard)
    clean = ["mqtt", "clean", "--broker", broker.url, "--config", str(tmp_path / "edge.toml")]
    done = subprocess.run([sys.executable, "-m", "edge_daemon", *clean], capture_output=True, text=True)
    cleared = set(done.stdout.split())
    names = {"availability", "info", "problem"} | ({"reading/tank"} if keeps else set())
    assert cleared >= {f"edge_daemon/bench/{name}" for name in names} | {"homeassistant/device/bench/config"}
    recorder.close()
