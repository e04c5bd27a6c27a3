"""The daemon: build(config) puts it together, run(app) is THE PATH.

A frame travels one way, source -> fields -> segment -> read -> vote -> outbox, through plain calls in one thread. A
second thread, the courier, carries what is due from the outbox to the broker.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType

from edge_daemon import __version__, discovery, wire
from edge_daemon.board import Board
from edge_daemon.commands import Desk
from edge_daemon.config import Config, runtime_folder, state_folder
from edge_daemon.controls import Controls, Inbox, take
from edge_daemon.courier import Backoff, Courier
from edge_daemon.domain import Classifier, Event, Frame, Number, Patch, Reading, Record, Request, Source, Status
from edge_daemon.doubts import Doubts
from edge_daemon.errors import ConfigError
from edge_daemon.fields import Fields
from edge_daemon.outbox import Outbox
from edge_daemon.reader import Reader, open_reader
from edge_daemon.report import Report
from edge_daemon.ring import Ring
from edge_daemon.samples import open_samples
from edge_daemon.sinks.mqtt import MqttSink
from edge_daemon.sources import open_source
from edge_daemon.systemd import Systemd
from edge_daemon.transactions import Transactions
from edge_daemon.units import seconds
from edge_daemon.vote import Voter
from edge_daemon.window import Window

log = logging.getLogger(__name__)

Look = tuple[Patch, list[Number]]
"""A patch, and what was read in it."""
TICK = 1.0
"""Seconds: without a frame the path still comes round this often."""


@dataclass(frozen=True, slots=True)
class App:
    """The parts, wired."""

    source: Source
    fields: Fields
    reader: Reader
    voter: Voter
    outbox: Outbox
    ring: Ring
    doubts: Doubts
    window: Window
    courier: Courier
    report: Report
    systemd: Systemd
    inbox: Inbox
    controls: Controls
    desk: Desk


def run(app: App) -> Request:
    """Carry frames from the camera to the outbox until asked to stop, or until there are no more."""
    app.systemd.ready()
    with closing(app.source.frames(TICK)) as frames:  # type: ignore[type-var]
        for frame in frames:
            app.courier.check()
            app.systemd.watchdog_ping()  # the only ping in the program: a path that hangs is restarted
            if request := next_request(app):
                return request
            if frame is not None:
                app.window.show(frame)
            if frame is not None and app.controls.enabled:
                see(app, frame)
            for record in app.voter.due(frame.mono if frame else time.monotonic()) if app.controls.enabled else ():
                say(app, record)
            app.report.tick()
            if app.outbox.recovered():
                return Request.RELOAD
    return Request.STOP


def look(frame: Frame, fields: Fields, reader: Reader, voter: Voter) -> list[Look]:
    """One frame as far as the votes; what cannot be read is not. Returns what was looked at, and what it says."""
    looks = []
    for patch in fields.cut(frame, voter.undecided):
        numbers = reader.read(patch) if patch.status is Status.OK else []
        voter.observe(patch, numbers)
        looks.append((patch, numbers))
    return looks


def see(app: App, frame: Frame) -> None:
    """Look at a frame; how soon the next one is wanted follows from that."""
    started = time.monotonic()
    for patch, numbers in look(frame, app.fields, app.reader, app.voter):
        app.ring.saw(patch)
        app.doubts.saw(patch, numbers)
    app.source.hurry(app.fields.is_stirring(frame.mono) or bool(app.voter.undecided) or app.window.is_wanted)
    app.report.frame(time.monotonic() - started)


def say(app: App, record: Record) -> None:
    """Into the log, the outbox, and the memories of those who are asked later."""
    tell(record)
    app.ring.keep(app.outbox.put(record), record)
    app.doubts.said(record)
    app.report.said(record)
    app.controls.said(record)


def main(load: Callable[[], Config]) -> None:
    """Run the daemon until SIGTERM or SIGINT, or until a file camera has shown its last picture.

    SIGHUP, and the command `reload`: read the configuration again; a wrong one is told, and the old one goes on.
    Raises CameraError, ModelError, OutboxError, CourierError or ConfigError.
    """
    config, wrong = load(), ""
    inbox: Inbox = SimpleQueue()
    with signals(inbox):
        while True:
            with build(config, inbox, load, wrong) as app:
                classifier = app.reader.classifier
                log.info("%s: reading with %s on %s", config.device, classifier.name, classifier.backend)
                request = run(app)
                if request is Request.STOP:
                    app.systemd.stopping()
                log.info("leaving: %s", request.value)
            if request is not Request.RELOAD:
                break
            try:
                config, wrong = load(), ""
            except ConfigError as error:
                wrong = str(error)
                log.error("going on as before: %s", wrong)
    if request is Request.RESTART:
        os.execv(sys.executable, sys.orig_argv)  # the same process for who waits for it, and nothing of it left


@contextmanager
def build(config: Config, inbox: Inbox, load: Callable[[], Config], wrong: str = "") -> Iterator[App]:
    """Put the daemon together; on the way out deliver what can be delivered, say offline, release everything."""
    with ExitStack() as stack:
        reader = open_reader(config.model)
        classifier = reader.classifier
        systemd = stack.enter_context(closing(Systemd()))
        outbox = stack.enter_context(closing(Outbox(state_folder(), config.device, config.outbox)))
        topics = [*wire.request_topics(config.device), discovery.BIRTH]
        availability = partial(wire.availability, config.device)
        sink = MqttSink(config.mqtt, f"edge_daemon-{config.device}", availability, topics)
        board = Board()
        introduce(config, board)
        board.post(wire.info(config.device, facts(config, classifier)))
        encode = partial(wire.encode, config.device, config.mqtt.detail)
        courier = Courier(outbox, sink, board, encode, Backoff(longest=seconds(config.mqtt.longest_wait)))
        courier.on_heard = partial(take, inbox)
        report = Report(config.device, board, outbox, courier, config.mqtt.bare_value, wrong)
        controls = Controls(config.device, board, outbox, report, inbox, state_folder() / "disabled", load)
        desk = Desk(config.device, board, controls, Transactions(state_folder() / "transactions"))
        ring = Ring(runtime_folder() / "explain")
        doubts = Doubts(open_samples(state_folder(), runtime_folder(), config.samples))
        window = stack.enter_context(closing(Window(runtime_folder() / "preview")))
        source = open_source(config.camera.kind, config.camera.options)
        voter = Voter(config.fields, classifier.name, classifier.backend, reader.read, outbox.accepted())
        courier.start()
        stack.callback(leave, courier)
        fields = Fields(config.fields)
        yield App(
            source, fields, reader, voter, outbox, ring, doubts, window, courier, report, systemd, inbox, controls, desk
        )  # fmt: skip


def facts(config: Config, classifier: Classifier) -> dict[str, object]:
    """What `info` says of this daemon; no secrets."""
    return {
        "version": __version__,
        "model": classifier.name,
        "backend": classifier.backend,
        "camera": config.camera.kind,
        "fields": [field.name for field in config.fields],
        # camera and broker stay out: an address may hold a login
        "config": {
            "fields": [asdict(field) for field in config.fields],
            "detail": config.mqtt.detail,
            "outbox": asdict(config.outbox),
        },
    }


def introduce(config: Config, board: Board) -> None:
    """Tell Home Assistant what there is, and to forget what there no longer is."""
    mode, path = config.mqtt.home_assistant, state_folder() / "discovery.json"
    fields = [discovery.Field(field.name, field.unit, field.text) for field in config.fields]
    found = discovery.components(config.device, fields, raw=config.mqtt.detail != "value")
    owned = discovery.load_owned(path)
    for message in discovery.messages(config.device, __version__, found, mode, owned):
        board.post(message)
    with suppress(OSError):  # not remembered: `edge-daemon mqtt clean` takes back whatever was told
        discovery.save_owned(path, owned)


def leave(courier: Courier) -> None:
    """Stop the courier; say so when readings stay behind, for the next start to deliver."""
    if not courier.stop():
        log.warning("the broker did not take leave in time; what is in the outbox is delivered at the next start")


def next_request(app: App) -> Request | None:
    """Answer what has arrived, up to the first that asks to leave the path."""
    with suppress(Empty):
        while True:
            asked = app.inbox.get_nowait()
            if isinstance(asked, Request):
                return asked
            app.desk.handle(asked)
    return None


def tell(record: Record) -> None:
    """One line in the log for each thing said."""
    if isinstance(record, Event):
        return
    if record.gone:
        log.info("%s: gone", record.field)
    elif record.status == "ok":
        log.info("%s: %s (%.0f %%, %d of %d frames)", record.field, record.text, 100 * record.confidence, *record.votes)
    else:
        log.info("%s: %s%s", record.field, record.status, seen(record))


def seen(reading: Reading) -> str:
    """What a rejected reading looked like."""
    return f", saw {reading.candidates[0][0]}" if reading.candidates else ""


@contextmanager
def signals(inbox: Inbox) -> Iterator[None]:
    """SIGTERM and SIGINT ask the path to stop; a second one ends the process at once, as people expect.

    SIGHUP asks for a reload, as daemons have it.
    """

    def ask(number: int, _stack: FrameType | None) -> None:
        if number == signal.SIGHUP:
            inbox.put(Request.RELOAD)
            return
        inbox.put(Request.STOP)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
