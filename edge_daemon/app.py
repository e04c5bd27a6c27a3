"""The daemon: build(config) puts it together, run(app) is THE PATH.

A frame travels one way, source -> fields -> segment -> read -> vote -> outbox, through plain calls in one thread. A
second thread, the courier, carries what is due from the outbox to the broker.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType

from edge_daemon import __version__, classifiers, wire
from edge_daemon.config import Config, state_folder
from edge_daemon.courier import Board, Courier
from edge_daemon.domain import Classifier, Event, Frame, Reading, Record, Request, Source, Status
from edge_daemon.fields import Fields
from edge_daemon.outbox import Outbox
from edge_daemon.reader import Reader
from edge_daemon.sieve import Sieve
from edge_daemon.sinks.mqtt import MqttSink
from edge_daemon.sources import open_source
from edge_daemon.strips import StripReader
from edge_daemon.systemd import Systemd
from edge_daemon.vote import Voter

log = logging.getLogger(__name__)

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
    courier: Courier
    systemd: Systemd
    inbox: SimpleQueue[Request]
    """What signals ask for; the path looks once a round."""


def run(app: App) -> Request:
    """Carry frames from the camera to the outbox until asked to stop, or until there are no more."""
    app.systemd.ready()
    with closing(app.source.frames(TICK)) as frames:  # type: ignore[type-var]
        for frame in frames:
            app.courier.check()
            app.systemd.watchdog_ping()  # the only ping in the program: a path that hangs is restarted
            if request := next_request(app.inbox):
                return request
            if frame is not None:
                look(frame, app.fields, app.reader, app.voter)
            for record in app.voter.due(frame.mono if frame else time.monotonic()):
                tell(record)
                app.outbox.put(record)
    return Request.STOP


def look(frame: Frame, fields: Fields, reader: Reader, voter: Voter) -> None:
    """One frame as far as the votes; what cannot be read is not."""
    for patch in fields.cut(frame):
        voter.observe(patch, reader.read(patch) if patch.status is Status.OK else [])


def main(config: Config) -> None:
    """Run the daemon until SIGTERM or SIGINT, or until a file camera has shown its last picture.

    Raises CameraError, ModelError, OutboxError, CourierError or ConfigError.
    """
    inbox: SimpleQueue[Request] = SimpleQueue()
    with signals(inbox), build(config, inbox) as app:
        log.info("%s: reading with %s on %s", config.device, app.reader.classifier.name, app.reader.classifier.backend)
        run(app)
        app.systemd.stopping()
        log.info("stopping")


@contextmanager
def build(config: Config, inbox: SimpleQueue[Request]) -> Iterator[App]:
    """Put the daemon together; on the way out deliver what can be delivered, say offline, release everything."""
    with ExitStack() as stack:
        classifier = classifiers.load(config.model)
        reader = Reader(Sieve(), classifier, StripReader())
        systemd = stack.enter_context(closing(Systemd()))
        outbox = stack.enter_context(closing(Outbox(state_folder(), config.device, config.outbox)))
        availability = partial(wire.availability, config.device)
        sink = MqttSink(config.mqtt, f"edge_daemon-{config.device}", availability(True), availability(False))
        board = Board()
        board.post(wire.info(config.device, facts(config, classifier)))
        courier = Courier(outbox, sink, board, partial(wire.encode, config.device, config.mqtt.detail))
        source = open_source(config.camera.kind, config.camera.options)
        voter = Voter(config.fields, classifier.name, classifier.backend, reader.read, outbox.accepted())
        courier.start()
        stack.callback(leave, courier)
        yield App(source, Fields(config.fields), reader, voter, outbox, courier, systemd, inbox)


def facts(config: Config, classifier: Classifier) -> dict[str, object]:
    """What `info` says of this daemon; no secrets."""
    return {
        "version": __version__,
        "model": classifier.name,
        "backend": classifier.backend,
        "camera": config.camera.kind,
        "fields": [field.name for field in config.fields],
    }


def leave(courier: Courier) -> None:
    """Stop the courier; say so when readings stay behind, for the next start to deliver."""
    if not courier.stop():
        log.warning("the broker did not take leave in time; what is in the outbox is delivered at the next start")


def next_request(inbox: SimpleQueue[Request]) -> Request | None:
    try:
        return inbox.get_nowait()
    except Empty:
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
def signals(inbox: SimpleQueue[Request]) -> Iterator[None]:
    """SIGTERM and SIGINT ask the path to stop; a second one ends the process at once, as people expect."""

    def ask(number: int, _stack: FrameType | None) -> None:
        inbox.put(Request.STOP)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
