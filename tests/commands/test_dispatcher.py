"""Requests at the dispatcher: each is answered, and carried out at most once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_daemon.commands.controls import DaemonControls, ReadingSwitch
from edge_daemon.commands.dispatcher import BURST, PER_SECOND, SWITCH_COST, CommandDispatcher
from edge_daemon.commands.on_demand import Deferred
from edge_daemon.commands.rebuild_limit import RebuildLimit
from edge_daemon.commands.table import COMMANDS, COSTS
from edge_daemon.commands.transactions import Transactions
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Entry, ReceivedMessage, Request
from edge_daemon.errors import CommandError, ConfigError
from tests.support import schema_check
from tests.support.brokers.mosquitto import until

anything = st.text(st.characters(), max_size=80)
"""Any code points, halves of surrogate pairs included."""


class Parts:
    """Every part of the daemon that commands use; it only records what was called."""

    def __init__(self, done: list[Any]) -> None:
        self.done = done
        self.wrong: Exception | None = None
        self.deferred: Deferred | None = None
        self.figures: dict[str, Any] = {"frames": 7}

    def health(self) -> dict[str, Any]:
        return self.figures

    def read_now(self) -> Deferred:
        if self.wrong:
            raise self.wrong
        self.done.append("read_now")
        return self.deferred or (lambda: {"readings": 1})

    def snapshot(self, field: str) -> Deferred:
        self.done.append(("snapshot", field))
        return lambda: {"bytes": 7}

    def set_value(self, field: str, value: str | int | float, at: float, mono: float) -> dict[str, Any]:
        self.done.append((field, value))
        return {"text": str(value)}

    def delivered(self, from_seq: int, limit: int) -> list[Entry]:
        self.done.append(("history", from_seq))
        return []

    def validate(self) -> None:
        if self.wrong:
            raise self.wrong

    def check(self) -> dict[str, Any]:
        self.done.append("check")
        return {}

    def install(self) -> dict[str, Any]:
        self.done.append("install")
        return {}

    def rollback(self) -> dict[str, Any]:
        self.done.append("rollback")
        return {"installed_version": "0.3.0"}


class RecordingControls(DaemonControls):
    """The daemon's controls over these parts; switching and leaving the path are only recorded."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self.done: list[Any] = []
        self.parts = Parts(self.done)
        parts: Any = self.parts
        super().__init__(
            "dock3", LastValueCache(), parts, parts, SimpleQueue(), ReadingSwitch(folder / "disabled"),
            parts.validate, parts, lambda _: None, parts, RebuildLimit(now, {}),
        )  # fmt: skip

    def enable(self, on: bool) -> None:
        self.done.append(on)

    def request(self, request: Request) -> None:
        self.done.append(request)


class Bench:
    """A dispatcher, its controls, a clock, and its responses."""

    def __init__(self, folder: Path) -> None:
        self.time = 0.0
        self.controls, self.last_values = RecordingControls(folder, lambda: self.time), LastValueCache()
        self.parts, self.path = self.controls.parts, folder / "transactions"
        self.dispatcher = self.another()

    def another(self) -> CommandDispatcher:
        """As after a restart."""
        memory = Transactions(self.path, now=lambda: self.time)
        return CommandDispatcher("dock3", self.last_values, self.controls, memory, now=lambda: self.time)

    def ask(self, command: str, payload: object = b"", **how: Any) -> dict[str, Any] | None:
        """The response to a request; None: there was none."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.dispatcher.handle(ReceivedMessage(f"edge_daemon/dock3/request/{command}", data, **how))
        self.dispatcher.on_tick()
        if command == "history":  # in a thread
            until(self.is_answered)
        return self.answered()

    def is_answered(self) -> bool:
        """Whether no request is pending, after another round."""
        self.dispatcher.on_tick()
        return not self.dispatcher._pending

    def answered(self) -> dict[str, Any] | None:
        """The response since the last call; None: none."""
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
    """On the command's own topic, not retained, with an expiry of five minutes and the request's transaction."""
    assert bench.ask("health_check") == {"status": "ok", "data": {"frames": 7}}
    assert (bench.last.topic, bench.last.retain, bench.last.expiry) == (
        "edge_daemon/dock3/response/health_check", False, 300,
    )  # fmt: skip
    assert bench.ask("health_check", {"transaction": 3}) == {"status": "ok", "data": {"frames": 7}, "transaction": 3}


def test_every_command_is_answered(bench: Bench) -> None:
    """Every known command is carried out and answered; reload and restart happen after the answer."""
    arguments: dict[str, dict[str, Any]] = {"history": {"from_seq": 7}}
    arguments |= {"set_value": {"field": "tank", "value": "0038"}, "snapshot": {"field": "tank"}}
    for name in COMMANDS:
        answer = bench.ask(name, arguments.get(name, {}))
        assert answer is not None
        assert answer["status"] == "ok"
    models = ["check", "install", "rollback"]
    done = bench.controls.done
    assert done == [
        ("history", 7), *models, "read_now", ("tank", "0038"), ("snapshot", "tank"), Request.RELOAD, Request.RESTART,
    ]  # fmt: skip


def test_a_deferred_answer(bench: Bench) -> None:
    """There is no response before the result; a repeated request gets the same one response, which is remembered."""
    found: list[Any] = []
    bench.parts.deferred = lambda: {"readings": found} if found else None
    assert bench.ask("read_now", {"transaction": "t"}) is None
    assert bench.ask("read_now", {"transaction": "t"}) is None
    found.append("38")
    bench.dispatcher.on_tick()
    first = bench.answered()
    assert first == {"status": "ok", "data": {"readings": ["38"]}, "transaction": "t"}
    assert bench.ask("read_now", {"transaction": "t"}) == first
    assert bench.controls.done == ["read_now"]


def test_pending_requests_are_answered_at_the_end(bench: Bench) -> None:
    """A late failure is an answer; pending requests are answered when the daemon ends."""

    def fail() -> None:
        raise CommandError("the camera has shown nothing")

    bench.parts.deferred = fail
    assert bench.ask("read_now") == {"status": "error", "error": "the camera has shown nothing"}
    bench.parts.deferred = lambda: None
    assert bench.ask("read_now", {"transaction": 7}) is None
    bench.dispatcher.close()
    answer = bench.answered()
    assert answer is not None
    assert "stopped" in answer["error"]
    assert bench.ask("read_now", {"transaction": 7}) == answer


def test_unknown_command(bench: Bench) -> None:
    """The answer lists the known commands; an invalid name is answered on a topic, too."""
    for name, topic in (("dance", "dance"), ("a/b", "unknown"), ("", "unknown"), ("x" * 70_000, "unknown")):
        answer = bench.ask(name)
        assert answer is not None
        known = "health_check, history, model_check, model_install, model_rollback, read_now, reload, restart"
        assert f"known are {known}, set_value, snapshot" in answer["error"]
        assert bench.last.topic == f"edge_daemon/dock3/response/{topic}"


def test_refusals(bench: Bench) -> None:
    """Retained, not JSON, wrong arguments: refused with the reason, and not carried out."""
    for command, payload, how, told in (
        ("restart", b"", {"retain": True}, "retained"),
        ("restart", b"{", {}, "not JSON"),
        ("restart", {"force": True}, {}, "unknown field `force`"),
        ("set_value", {"field": "tank"}, {}, "missing required field `value`"),
        ("set_value", {"field": "tank", "value": True}, {}, "Expected `"),
        ("snapshot", {"field": ["tank"]}, {}, "Expected `str`"),
    ):
        answer = bench.ask(command, payload, **how)
        assert answer is not None
        assert told in answer["error"]
    assert bench.controls.done == []


def test_wrong_configuration_is_not_reloaded(bench: Bench) -> None:
    """The response names the error."""
    bench.parts.wrong = ConfigError("c.toml:3: [camera] size: expected ...")
    answer = bench.ask("reload", {"transaction": "r"})
    assert answer == {"status": "error", "error": "c.toml:3: [camera] size: expected ...", "transaction": "r"}
    assert bench.controls.done == []


def test_a_transaction_is_carried_out_once(bench: Bench) -> None:
    """The second time it is answered from memory; another transaction or command is carried out."""
    first = bench.ask("read_now", {"transaction": "t"})
    assert bench.ask("read_now", {"transaction": "t"}) == first
    assert bench.controls.done == ["read_now"]
    bench.ask("read_now", {"transaction": "u"})
    bench.ask("restart", {"transaction": "t"})
    assert bench.controls.done == ["read_now", "read_now", Request.RESTART]
    bench.time += 601
    bench.ask("read_now", {"transaction": "t"})
    assert len(bench.controls.done) == 4


def test_a_transaction_is_carried_out_once_across_a_restart(bench: Bench) -> None:
    """Also a refused one; an interrupted one is not begun again, and the response says so."""
    bench.ask("restart", {"transaction": "t"})
    bench.parts.wrong = CommandError("reading is switched off")
    refused = bench.ask("read_now", {"transaction": "u"})
    bench.parts.wrong = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        bench.ask("read_now", {"transaction": "v"})
    bench.parts.wrong = None
    bench.dispatcher = bench.another()
    answer = bench.ask("restart", {"transaction": "t"})
    assert answer == {"status": "ok", "data": {}, "transaction": "t"}
    assert bench.ask("read_now", {"transaction": "u"}) == refused
    answer = bench.ask("read_now", {"transaction": "v"})
    assert answer is not None
    assert "interrupted" in answer["error"]
    assert bench.controls.done == [Request.RESTART]


def test_a_transaction_that_cannot_be_remembered_is_not_begun(bench: Bench) -> None:
    """If the disk takes nothing, a request that changes something is refused; what may be repeated is carried out."""
    bench.path.mkdir()
    answer = bench.ask("restart", {"transaction": "t"})
    assert answer is not None
    assert (answer["status"], "the disk cannot store" in answer["error"]) == ("error", True)
    assert bench.controls.done == []
    for command in ("health_check", "read_now", "reload"):
        answer = bench.ask(command, {"transaction": "t"})
        assert answer is not None
        assert answer["status"] == "ok"
    assert bench.ask("read_now", {"transaction": "t"}) == {"status": "ok", "data": {"readings": 1}, "transaction": "t"}
    assert bench.controls.done == ["read_now", Request.RELOAD], "repeated, it was answered from memory"


@pytest.mark.parametrize(("command", "request_"), [("reload", Request.RELOAD), ("restart", Request.RESTART)])
def test_once_a_minute(bench: Bench, command: str, request_: Request) -> None:
    """`reload` and `restart` are carried out once a minute; the answer says when the next one may come."""
    assert bench.ask(command) == {"status": "ok", "data": {}}
    bench.time = 18
    answer = bench.ask(command)
    assert answer is not None
    assert "at most once a minute; again in 42 s" in answer["error"]
    bench.time = 60
    assert bench.ask(command) == {"status": "ok", "data": {}}
    assert bench.controls.done == [request_, request_]


def test_a_wrong_configuration_is_no_reload(bench: Bench) -> None:
    """After a refused configuration the mended one can be loaded at once."""
    bench.parts.wrong = ConfigError("c.toml:3: ...")
    bench.ask("reload")
    bench.parts.wrong = None
    assert bench.ask("reload") == {"status": "ok", "data": {}}


def test_costs(bench: Bench) -> None:
    """What takes longer counts as several requests, the switch too."""
    for _ in range(100):
        bench.dispatcher.handle(ReceivedMessage("edge_daemon/dock3/enabled/set", b"OFF"))
    assert len(bench.controls.done) == BURST / SWITCH_COST
    bench.time += BURST / PER_SECOND
    answers = [bench.ask("snapshot", {"field": "tank"}) for _ in range(BURST)]
    assert sum(answer is not None and answer["status"] == "ok" for answer in answers) == BURST / COSTS["snapshot"]


def test_a_flood(bench: Bench) -> None:
    """A thousand requests in a second: a burst is carried out, one more is answered; later ones are accepted again."""
    answers = [bench.ask("read_now") for _ in range(1000)]
    assert len(bench.controls.done) == BURST
    assert [answer["status"] for answer in answers if answer] == ["ok"] * BURST + ["error"]
    assert bench.dispatcher.refused == 1000 - BURST
    bench.time += 1
    assert bench.ask("read_now") == {"status": "ok", "data": {"readings": 1}}


@given(transaction=anything | st.integers(), field=anything, value=anything, raw=st.booleans())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_of_any_kind_is_answered(
    tmp_path: Path, transaction: str | int, field: str, value: str, raw: bool
) -> None:
    """Parse, answer, encode over all Unicode, halves of surrogate pairs too: always a valid response."""
    (tmp_path / "transactions").unlink(missing_ok=True)
    bench = Bench(tmp_path)
    request = {"transaction": transaction, "field": field, "value": value}
    data = json.dumps(request, ensure_ascii=not raw).encode(errors="surrogatepass")
    answer = bench.ask("set_value", data)
    assert answer is not None
    if answer["status"] == "ok":
        assert answer["transaction"] == transaction
    assert bench.ask("read_now") == {"status": "ok", "data": {"readings": 1}}


def test_half_a_surrogate_pair_is_refused(bench: Bench) -> None:
    """The payload that ended version 0.1.0; no response can repeat it."""
    answer = bench.ask("health_check", b'{"transaction":"\\ud800"}')
    assert answer == {"status": "error", "error": "text with half a surrogate pair is not Unicode"}


def test_an_answer_of_bytes_that_are_not_text_is_sent(bench: Bench) -> None:
    """A file's name that is not UTF-8, in an error or in the data, is readable but for those bytes."""
    name = os.fsdecode(b"caf\xe9.toml")
    bench.parts.wrong = ConfigError(f"{name}:3: expected ...")
    assert bench.ask("reload") == {"status": "error", "error": "caf?.toml:3: expected ..."}
    bench.parts.figures = {"camera": name}
    assert bench.ask("health_check", {"transaction": 1}) == {
        "status": "ok", "data": {"camera": "caf?.toml"}, "transaction": 1
    }  # fmt: skip


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
    """MQTT 5: used only below the device's own responses; the correlation data comes back."""
    bench.dispatcher.handle(
        ReceivedMessage("edge_daemon/dock3/request/health_check", b"", response_topic=asked, correlation=b"\0\xff")
    )
    (answer,) = bench.last_values.queued()
    assert answer.topic == (asked if used else "edge_daemon/dock3/response/health_check")
    assert answer.correlation == b"\0\xff"


def test_switch(bench: Bench) -> None:
    """Only ON and OFF; a retained message would apply at every start, and is ignored."""
    topic = "edge_daemon/dock3/enabled/set"
    for payload, retain in ((b"OFF", False), (b"ON", False), (b"ON", True), (b"off", False), (b"", False)):
        bench.dispatcher.handle(ReceivedMessage(topic, payload, retain))
    assert bench.controls.done == [False, True]
    assert bench.last_values.queued() == []


def test_messages_for_others_are_ignored(bench: Bench) -> None:
    """Requests to another device, and the device's own topics, are ignored."""
    for topic in ("edge_daemon/dock4/request/restart", "edge_daemon/dock3/info", "edge_daemon/dock3/request"):
        bench.dispatcher.handle(ReceivedMessage(topic, b""))
    assert bench.controls.done == []
    assert bench.last_values.queued() == []
