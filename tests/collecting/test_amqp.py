"""scripts/collect from a quorum queue of a real RabbitMQ."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.errors import ConfigError
from edge_daemon.mqtt.address import BrokerAddress
from scripts.collecting.amqp_source import AmqpSource
from tests.support.brokers.mosquitto import Recorder, free_port, until
from tests.support.brokers.rabbitmq import SERVER, RabbitMQ
from tests.support.databases.collecting import collecting, said
from tests.support.databases.postgres import Postgres, postgres, server

__all__ = ["postgres", "server"]


def seqs(postgres: Postgres) -> list[int]:
    return [int(seq) for seq in postgres.query("SELECT seq FROM edge_daemon.reading ORDER BY seq")]


@pytest.mark.slow
@pytest.mark.skipif(not SERVER.is_file(), reason="needs RabbitMQ (apt)")
def test_each_reading_once(tmp_path: Path, postgres: Postgres) -> None:
    """Two collectors share a queue; one is killed, the broker restarts: all readings are there."""
    port = free_port()
    broker = RabbitMQ(tmp_path / "rabbitmq", more=f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    broker.start()
    arguments = [postgres.url, "--broker", f"amqp://127.0.0.1:{free_port()}", "--broker", f"amqp://127.0.0.1:{port}"]
    recorder = Recorder(broker.port)
    try:
        with collecting(*arguments) as one, collecting(*arguments):
            until(lambda: broker.evaluate('rabbit_amqqueue:count(<<"/">>).').isdecimal())
            until(lambda: sum("authenticated" in line for line in broker.log) >= 2, 60)
            until(lambda: postgres.query("SELECT 1 FROM pg_tables WHERE tablename = 'reading'"))
            for seq in range(1, 50):
                recorder.say(said(seq))
            until(lambda: seqs(postgres), 60)
            one.kill()
            recorder.say(said(7, replayed=True))
            recorder.wait_for(lambda _: recorder.count("/history"))
            until(lambda: seqs(postgres) == list(range(1, 50)), 60)
            broker.restart()
            recorder.say(said(50))
            until(lambda: seqs(postgres) == list(range(1, 51)), 60)
    finally:
        recorder.close()
        broker.stop()


@pytest.mark.parametrize("url", ["amqp://", "amqp://user:secret@host", "amqp://host:port", "mqtt://host"])
def test_wrong_addresses(url: str) -> None:
    """Refused before anything is connected; a login in the address is not repeated."""
    with pytest.raises(ConfigError, match="write amqp://HOST:PORT") as refusal:
        AmqpSource([url], BrokerAddress("", 0), [], lambda line: None)
    assert "secret" not in str(refusal.value)
