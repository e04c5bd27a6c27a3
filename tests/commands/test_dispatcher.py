"""Requests at the dispatcher: who is answered, what is done, and that nothing is done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.commands import dispatcher
from edge_daemon.commands.dispatcher import BURST, CommandDispatcher, Later
from edge_daemon.commands.transactions import Transactions
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import ReceivedMessage, Request
from edge_daemon.errors import CommandError, ConfigError
from tests.support import schema_check


class Models:
    """Models that only remember what was done with them."""

    def __init__(self, done: list[Any]) -> None:
        self.done = done

    def check(self) -> dict[str, Any]:
        self.done.append("check")
        return {}

    def install(self) -> dict[str, Any]:
        self.done.append("install")
        return {}

    def rollback(self) -> dict[str, Any]:
        self.done.append("rollback")
        return {"installed_version": "0.3.0"}


class Levers:
    """Controls that only remember what was done with them."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.models = Models(self.done)
        self.wrong: Exception | None = None
        self.later: Later | None = None

    def health(self) -> dict[str, Any]:
        return {"frames": 7}

    def read_now(self) -> Later:
        if self.wrong:
            raise self.wrong
        self.done.append("read_now")
        return self.later or (lambda: {"readings": 1})

    def snapshot(self, field: str) -> Later:
        self.done.append(("snapshot", field))
        return lambda: {"bytes": 7}

    def set_value(self, field: str, value: str | int | float) -> dict[str, Any]:
        self.done.append((field, value))
        return {"text": str(value)}

    def history(self, from_seq: int) -> dict[str, Any]:
        self.done.append(("history", from_seq))
        return {"readings": 0}

    def validate(self) -> None:
        if self.wrong:
            raise self.wrong

    def enable(self, on: bool) -> None:
        self.done.append(on)

    def ask(self, request: Request) -> None:
        self.done.append(request)


class Bench:
    """A dispatcher, its levers, a clock, and what it answers."""

    def __init__(self, folder: Path) -> None:
        self.time = 0.0
        self.levers, self.last_values, self.path = Levers(), LastValueCache(), folder / "transactions"
        self.dispatcher = self.another()

    def another(self) -> CommandDispatcher:
        """As after a restart."""
        memory = Transactions(self.path, now=lambda: self.time)
        return CommandDispatcher("dock3", self.last_values, self.levers, memory, now=lambda: self.time)

    def ask(self, command: str, payload: object = b"", **how: Any) -> dict[str, Any] | None:
        """The answer to a request; None: there was none."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.dispatcher.handle(ReceivedMessage(f"edge_daemon/dock3/request/{command}", data, **how))
        self.dispatcher.on_tick()
        return self.answered()

    def answered(self) -> dict[str, Any] | None:
        """What has been said since; None: nothing."""
        answers = self.last_values.queued()
        if not answers:
            return None
        (answer,) = answers
        self.last_values.remove_queued(answer)
        assert schema_check.check(answer.topic, answer.payload) == "response"
        self.last = answer
        said: dict[str, Any] = json.loads(answer.payload)
        return said


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_answer(bench: Bench) -> None:
    """On the command's own topic, not retained, gone after five minutes; the transaction comes back."""
    assert bench.ask("health_check") == {"status": "ok", "data": {"frames": 7}}
    assert (bench.last.topic, bench.last.retain, bench.last.expiry) == (
        "edge_daemon/dock3/response/health_check", False, 300,
    )  # fmt: skip
    assert bench.ask("health_check", {"transaction": 3}) == {"status": "ok", "data": {"frames": 7}, "transaction": 3}


def test_every_command_is_answered(bench: Bench) -> None:
    """The known ones do what they are for, after which they are answered; reload and restart come after the answer."""
    arguments: dict[str, dict[str, Any]] = {"history": {"from_seq": 7}}
    arguments |= {"set_value": {"field": "tank", "value": "0038"}, "snapshot": {"field": "tank"}}
    for name in dispatcher.COMMANDS:
        answer = bench.ask(name, arguments.get(name, {}))
        assert answer is not None
        assert answer["status"] == "ok"
    models = ["check", "install", "rollback"]
    done = bench.levers.done
    assert done == [
        ("history", 7), *models, "read_now", ("tank", "0038"), ("snapshot", "tank"), Request.RELOAD, Request.RESTART,
    ]  # fmt: skip


def test_an_answer_may_take_its_time(bench: Bench) -> None:
    """Nothing is said before it is there; who asks again meanwhile gets that one answer; then it is remembered."""
    found: list[Any] = []
    bench.levers.later = lambda: {"readings": found} if found else None
    assert bench.ask("read_now", {"transaction": "t"}) is None
    assert bench.ask("read_now", {"transaction": "t"}) is None
    found.append("38")
    bench.dispatcher.on_tick()
    first = bench.answered()
    assert first == {"status": "ok", "data": {"readings": ["38"]}, "transaction": "t"}
    assert bench.ask("read_now", {"transaction": "t"}) == first
    assert bench.levers.done == ["read_now"]


def test_what_waits_is_answered_at_the_end(bench: Bench) -> None:
    """Also a failure that comes late is an answer; and so is the end of the daemon."""

    def fail() -> None:
        raise CommandError("the camera has shown nothing")

    bench.levers.later = fail
    assert bench.ask("read_now") == {"status": "error", "error": "the camera has shown nothing"}
    bench.levers.later = lambda: None
    assert bench.ask("read_now", {"transaction": 7}) is None
    bench.dispatcher.close()
    answer = bench.answered()
    assert answer is not None
    assert "stopped" in answer["error"]
    assert bench.ask("read_now", {"transaction": 7}) == answer


def test_unknown_command(bench: Bench) -> None:
    """It is told which there are; a name that is none has a topic for its answer, too."""
    for name, topic in (("dance", "dance"), ("a/b", "unknown"), ("", "unknown"), ("x" * 70_000, "unknown")):
        answer = bench.ask(name)
        assert answer is not None
        known = "health_check, history, model_check, model_install, model_rollback, read_now, reload, restart"
        assert f"known are {known}, set_value, snapshot" in answer["error"]
        assert bench.last.topic == f"edge_daemon/dock3/response/{topic}"


def test_refusals(bench: Bench) -> None:
    """Retained, no JSON, arguments that it does not take: refused with the reason, and not done."""
    for command, payload, how, told in (
        ("restart", b"", {"retain": True}, "retained"),
        ("restart", b"{", {}, "no JSON"),
        ("restart", {"force": True}, {}, "unknown field `force`"),
        ("set_value", {"field": "tank"}, {}, "missing required field `value`"),
        ("set_value", {"field": "tank", "value": True}, {}, "Expected `"),
        ("snapshot", {"field": ["tank"]}, {}, "Expected `str`"),
    ):
        answer = bench.ask(command, payload, **how)
        assert answer is not None
        assert told in answer["error"]
    assert bench.levers.done == []


def test_wrong_configuration_is_not_reloaded(bench: Bench) -> None:
    """The refusal says what is wrong with it."""
    bench.levers.wrong = ConfigError("c.toml:3: [camera] size: expected ...")
    answer = bench.ask("reload", {"transaction": "r"})
    assert answer == {"status": "error", "error": "c.toml:3: [camera] size: expected ...", "transaction": "r"}
    assert bench.levers.done == []


def test_a_transaction_is_carried_out_once(bench: Bench) -> None:
    """The second time it is answered from memory; another transaction, or another command, is another matter."""
    first = bench.ask("read_now", {"transaction": "t"})
    assert bench.ask("read_now", {"transaction": "t"}) == first
    assert bench.levers.done == ["read_now"]
    bench.ask("read_now", {"transaction": "u"})
    bench.ask("restart", {"transaction": "t"})
    assert bench.levers.done == ["read_now", "read_now", Request.RESTART]
    bench.time += 601
    bench.ask("read_now", {"transaction": "t"})
    assert len(bench.levers.done) == 4


def test_a_transaction_is_carried_out_once_across_a_restart(bench: Bench) -> None:
    """Also one that was refused then; and one that was interrupted is not begun again, but told."""
    bench.ask("restart", {"transaction": "t"})
    bench.levers.wrong = CommandError("reading is switched off")
    refused = bench.ask("read_now", {"transaction": "u"})
    bench.levers.wrong = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        bench.ask("read_now", {"transaction": "v"})
    bench.levers.wrong = None
    bench.dispatcher = bench.another()
    answer = bench.ask("restart", {"transaction": "t"})
    assert answer == {"status": "ok", "data": {}, "transaction": "t"}
    assert bench.ask("read_now", {"transaction": "u"}) == refused
    answer = bench.ask("read_now", {"transaction": "v"})
    assert answer is not None
    assert "interrupted" in answer["error"]
    assert bench.levers.done == [Request.RESTART]


def test_a_transaction_that_cannot_be_remembered_is_not_begun(bench: Bench) -> None:
    """Where the disk refuses, so do we."""
    bench.path.mkdir()
    answer = bench.ask("restart", {"transaction": "t"})
    assert answer is not None
    assert answer["status"] == "error"
    assert bench.levers.done == []


def test_a_flood(bench: Bench) -> None:
    """A thousand requests in a second: as many as a burst allows are done, one more is answered, and it goes on."""
    answers = [bench.ask("read_now") for _ in range(1000)]
    assert len(bench.levers.done) == BURST
    assert [answer["status"] for answer in answers if answer] == ["ok"] * BURST + ["error"]
    assert bench.dispatcher.refused == 1000 - BURST
    bench.time += 1
    assert bench.ask("read_now") == {"status": "ok", "data": {"readings": 1}}


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("edge_daemon/dock3/response/mine/7", True),
        ("edge_daemon/dock3/reading/units", False),
        ("edge_daemon/dock3/response/a/#", False),
        ("edge_daemon/dock3/response/../availability", False),
        ("edge_daemon/dock4/response/mine", False),
        ("homeassistant/status", False),
        ("", False),
    ],
)
def test_response_topic(bench: Bench, asked: str, used: bool) -> None:
    """Of MQTT 5: used where it is among our own responses, nowhere else; the correlation data comes back."""
    bench.dispatcher.handle(
        ReceivedMessage("edge_daemon/dock3/request/health_check", b"", response_topic=asked, correlation=b"\0\xff")
    )
    (answer,) = bench.last_values.queued()
    assert answer.topic == (asked if used else "edge_daemon/dock3/response/health_check")
    assert answer.correlation == b"\0\xff"


def test_switch(bench: Bench) -> None:
    """ON and OFF, in these words; a retained one would hold at every start, and is not obeyed."""
    topic = "edge_daemon/dock3/enabled/set"
    for payload, retain in ((b"OFF", False), (b"ON", False), (b"ON", True), (b"off", False), (b"", False)):
        bench.dispatcher.handle(ReceivedMessage(topic, payload, retain))
    assert bench.levers.done == [False, True]
    assert bench.last_values.queued() == []


def test_what_is_not_for_us(bench: Bench) -> None:
    """Another device's request, and our own topics, are left alone."""
    for topic in ("edge_daemon/dock4/request/restart", "edge_daemon/dock3/info", "edge_daemon/dock3/request"):
        bench.dispatcher.handle(ReceivedMessage(topic, b""))
    assert bench.levers.done == []
    assert bench.last_values.queued() == []
