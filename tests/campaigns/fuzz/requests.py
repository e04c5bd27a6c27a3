"""Requests, and questions and answers of second opinions, as anybody on the broker may send them.

They go to the parts of a daemon that was put together as ever; only its clock for the rate limit runs fast. Every
request gets one answer that keeps its schema, and no other answer than to itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from edge_daemon.app import App, build, process
from edge_daemon.commands.controls import Inbox, enqueue
from edge_daemon.commands.dispatcher import CommandDispatcher
from edge_daemon.commands.parsing import parse
from edge_daemon.commands.table import COMMANDS
from edge_daemon.commands.transactions import Transactions
from edge_daemon.config.last_good import ConfigFile
from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.voter import Voter
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Frame, Message, ReceivedMessage
from edge_daemon.images import encode_jpeg
from edge_daemon.reuse import ReusedResources
from edge_daemon.second_opinion import server
from edge_daemon.second_opinion.budget import Budget
from edge_daemon.second_opinion.channels import BrokerChannel
from edge_daemon.second_opinion.client import SecondOpinionClient
from edge_daemon.second_opinion.engine import LineReader
from tests.campaigns.fuzz.campaign import Check, Lost, Target, Wrong
from tests.campaigns.fuzz.whole_daemon import Tracebacks, configuration, write_picture, written
from tests.support import schema_check

BASE = "edge_daemon/bench"
FRAMES = 40
"""Frames in which a request must be answered, at most."""

text = st.text(st.characters(), max_size=70)
"""Any code points, halves of surrogate pairs included."""
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from(["tank", "2021", 7, -1, 2**53])
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=6)
keys = st.sampled_from(["transaction", "field", "value", "from_seq", "url", ""]) | text
objects = st.dictionaries(keys, values, max_size=5)
known = st.fixed_dictionaries(
    {},
    optional={
        "transaction": st.integers(-9, 2**54) | text,
        "field": st.just("tank") | text,
        "value": st.integers() | st.floats() | st.text("0123456789.,-", max_size=40),
        "from_seq": st.integers(-(2**70), 2**70),
    },
)
shapes = (known | known | objects | values).map(lambda value: json.dumps(value).encode()) | st.builds(
    lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"), objects
)
twice = st.builds(lambda one, other: one[:-1] + b"," + other[1:], shapes, shapes)
deep = st.integers(0, 5000).map(lambda n: b"[" * n + b"]" * n)
long = st.integers(0, 4200).map(lambda n: b'{"transaction":"' + b"x" * n + b'"}')
payloads = shapes | shapes | twice | deep | long | st.binary(max_size=200) | st.just(b"")
users = st.lists(st.tuples(text, text), max_size=2).map(tuple)
topics = st.sampled_from(["", f"{BASE}/response/x", f"{BASE}/response/../y", "a/#", "$SYS"]) | text
commands = st.sampled_from([*COMMANDS]) | text
correlations = st.none() | st.binary(max_size=20)
requests = st.builds(
    lambda name, *rest: ReceivedMessage(f"{BASE}/request/{name}", *rest),
    commands, payloads, st.booleans(), users, topics, correlations,
)  # fmt: skip
others = st.builds(
    ReceivedMessage,
    st.sampled_from([f"{BASE}/enabled/set", f"{BASE}/opinion/response", "homeassistant/status", BASE]) | text,
    payloads | st.sampled_from([b"ON", b"OFF"]),
    st.booleans(),
)

sides = st.integers(1, 340)
pixels = st.builds(
    lambda w, h, seed: np.random.default_rng(seed).integers(0, 256, (h, w), np.uint8), sides, sides, sides
)
pictures = pixels.map(lambda picture: encode_jpeg(picture, 30)) | st.just(encode_jpeg(written("2021")[:, :300]))


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    """JPEGs of which some bytes were changed, or a part is missing."""
    data = bytearray(draw(pictures))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5)):
        data[at % min(len(data), draw(st.sampled_from([40, 700, len(data)])))] = byte
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


question_payloads = (
    st.builds(lambda name, picture: {"id": name, "picture": picture}, text, damaged_pictures())
    .filter(lambda question: question["id"].isprintable())
    .map(msgspec.json.encode)
)
questions = st.builds(
    ReceivedMessage,
    st.just(f"{BASE}/opinion/request") | text.map(lambda name: f"edge_daemon/{name}/opinion/request"),
    question_payloads | question_payloads | payloads,
)
cases = requests | requests | others | questions


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    """One daemon for all cases; its broker is away."""
    write_picture(folder / "page.png", written("2021"))
    file = ConfigFile(configuration(folder, "mqtt://127.0.0.1:1", f'path = "{folder}/page.png"'), folder / "copy")
    inbox: Inbox = SimpleQueue()
    clock = count(step=60)
    config = file.load_to_run()
    with (
        closing(ReusedResources(partial(enqueue, inbox))) as reused,
        build(config, reused, inbox, file) as app,
        closing(Tracebacks()) as tracebacks,
    ):
        app.courier.stop()  # nothing is to be sent
        device = Device(app, reused.delivery(config).last_values, folder, lambda: float(next(clock)))
        link, engine = Link(), LineReader()

        def check(case: ReceivedMessage) -> None:
            if case.topic.startswith(f"{BASE}/request/"):
                judge(case, device.answers_to(case))
            elif case.topic.endswith("/opinion/request"):
                server._answer(link, case, engine)  # type: ignore[arg-type]
            elif not device.client.on_answer(case):
                device.dispatcher.handle(case)
            tracebacks.check()

        yield check


class Device:
    """The daemon and what it answers."""

    def __init__(self, app: App, last_values: LastValueCache, folder: Path, now: Any) -> None:
        self._app, self._last_values = app, last_values
        memory = Transactions(folder / "transactions-of-it")
        self.dispatcher = CommandDispatcher("bench", last_values, app.controls, memory, now=now)
        voter = Voter([FieldOptions("tank", (0, 0, 1, 1))], "digits", "cpu")
        self.client = SecondOpinionClient(
            "bench", BrokerChannel("bench", last_values, lambda: True), voter, Budget(folder / "budget", 9)
        )
        self._seq = 0

    def answers_to(self, request: ReceivedMessage) -> list[Message]:
        """The answers to a request, those that come with later frames included."""
        self._app.switch.is_on = True
        self.dispatcher.handle(request)
        for _ in range(FRAMES):
            self.dispatcher.on_tick()
            if found := self._take():
                return found
            self._seq += 1
            process(self._app, Frame(self._seq, 1e9 + self._seq, float(self._seq), written("2021")))
            self._app.voter.due(float(self._seq))
        return []

    def _take(self) -> list[Message]:
        found = self._last_values.queued()
        for message in found:
            self._last_values.remove_queued(message)
        while not self._app.inbox.empty():
            self._app.inbox.get_nowait()
        return found


def judge(request: ReceivedMessage, answers: list[Message]) -> None:
    """Raises Fault unless there is one true answer; a snapshot may come with it."""
    own = [answer for answer in answers if "/snapshot/" not in answer.topic]
    if len(own) != 1:
        raise Lost(f"{len(own)} answers")
    (answer,) = own
    found = msgspec.json.decode(answer.payload)
    if not answer.topic.startswith(f"{BASE}/response/"):
        raise Wrong(f"an answer on {answer.topic}")
    if len(answer.topic.split("/")) == 4:
        schema_check.check(answer.topic, answer.payload)
    try:
        asked = parse(request.payload)
    except ValueError:
        if found["status"] == "ok":
            raise Wrong("a request that cannot be parsed was carried out") from None
        return
    if not request.retain and found.get("transaction") != asked.transaction:
        raise Wrong(f"transaction {asked.transaction!r} is answered as {found.get('transaction')!r}")
    if found["status"] == "ok" and (request.retain or request.topic.removeprefix(f"{BASE}/request/") not in COMMANDS):
        raise Wrong("an unknown or retained request was carried out")


class Link:
    """A connection that takes answers."""

    def publish(self, message: Message) -> None:
        schema_check.check(message.topic, message.payload)

    def pump(self, timeout: float) -> None:
        pass


TARGET = Target(cases, checking)
