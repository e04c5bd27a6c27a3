"""scripts/collect into PostgreSQL, as its users run it: several collectors, any of which may be killed at any time."""

from __future__ import annotations

import random
import signal
import time

import pytest

from edge_daemon.domain import Message
from tests.support.brokers.mosquitto import Mosquitto, Recorder, until
from tests.support.databases.collecting import Collecting, collecting, said
from tests.support.databases.postgres import Postgres, postgres, server

__all__ = ["postgres", "server"]

SUBSCRIBED = "edge_daemon/+/history (QoS 1)"
"""In mosquitto's log."""


def subscriptions(broker: Mosquitto) -> int:
    return sum(SUBSCRIBED in line for line in broker.log)


def stored(postgres: Postgres) -> int:
    (count,) = postgres.query("SELECT count(*) FROM edge_daemon.reading")
    return int(count)


@pytest.mark.slow
def test_any_may_be_killed(broker: Mosquitto, recorder: Recorder, postgres: Postgres) -> None:
    """kill -9 of collectors and of the database, messages twice and bad ones in between: each reading is there once."""
    names = ("one", "two", "three")
    shared = [[postgres.url, "--broker", broker.url, "--share", "site", "--name", name] for name in names]
    running = [Collecting(*arguments) for arguments in shared]
    drawn, seqs = random.Random(7), iter(range(1, 10_000))
    try:
        until(lambda: subscriptions(broker) == 3, 60)
        for attack in ("collector", "postgres", "collector", "all", "collector", "postgres"):
            for seq in [next(seqs) for _ in range(150)]:
                message = said(seq)
                recorder.say(message)
                recorder.say(drawn.choice([message, Message(message.topic, b"{"), said(seq, replayed=True)]))
            time.sleep(drawn.uniform(0, 0.5))  # the moment of the attack is to be any
            if attack == "postgres":
                postgres.stop(signal.SIGKILL)
                postgres.start()
            else:
                for place in range(3) if attack == "all" else [drawn.randrange(3)]:
                    running[place].kill()
                    running[place] = Collecting(*shared[place])
        until(lambda: stored(postgres) >= 6 * 150, 100)
        assert stored(postgres) == 6 * 150
        assert len(postgres.query("SELECT DISTINCT id FROM edge_daemon.reading")) == 6 * 150
        assert postgres.query("SELECT reason LIKE 'Input data was truncated' FROM edge_daemon.dead_letter") == [True]
        assert sum(any("received" in line for line in one.told) for one in running) >= 2  # they did share
    finally:
        for one in running:
            one.kill()


@pytest.mark.slow
def test_a_collector_that_leaves(broker: Mosquitto, recorder: Recorder, postgres: Postgres) -> None:
    """What the broker holds for a name is stored first; afterwards the broker holds nothing more for it."""
    arguments = [postgres.url, "--broker", broker.url, "--share", "site", "--name"]
    with collecting(*arguments, "one"), collecting(*arguments, "two"):
        until(lambda: subscriptions(broker) == 2, 60)
    for seq in range(20):
        recorder.say(said(seq))  # ten for each, and nobody is there
    recorder.wait_for(lambda _: recorder.count("/units") == 20)
    with collecting(*arguments, "two", "--leave") as leaving:
        assert leaving.process.wait(60) == 0
    assert 0 < stored(postgres) < 20
    with collecting(*arguments, "one"):
        until(lambda: stored(postgres) == 20)
        for seq in range(20, 40):
            recorder.say(said(seq))
        until(lambda: stored(postgres) == 40)


def test_the_database_is_away(broker: Mosquitto, recorder: Recorder, postgres: Postgres) -> None:
    """It is told once; what comes meanwhile is stored when the database is back."""
    with collecting(postgres.url, "--broker", broker.url) as running:
        until(lambda: subscriptions(broker) == 1, 60)
        recorder.say(said(1))
        until(lambda: stored(postgres) == 1)
        postgres.stop()
        for seq in range(2, 50):
            recorder.say(said(seq))
        until(lambda: any("waiting, nothing is lost" in line for line in running.told))
        time.sleep(3)  # for some tries
        postgres.start()
        until(lambda: stored(postgres) == 49, 60)
        until(lambda: "the database is back" in running.told)
        assert sum("waiting" in line for line in running.told) == 1


@pytest.mark.parametrize(
    "address",
    ["postgresql://127.0.0.1/x?sslmod=no", "postgresql://x:y:z", "postgresql://postgres@127.0.0.1:{port}/nothing"],
)
def test_a_wrong_address(address: str, postgres: Postgres) -> None:
    """One clear line, and exit code 1."""
    with collecting(address.format(port=postgres.port)) as running:
        assert running.process.wait(30) == 1
        running.kill()
        assert len(running.told) == 1, running.told
        assert running.told[0].startswith("Error: ")
