"""The daemon: build(config) puts it together, run(app) is THE PATH.

A frame travels one way, source -> fields -> recognition -> decision -> outbox, through plain calls in one thread. A
second thread, the courier, carries the records from the outbox to the broker. Everything else listens to the path
(domain.Listener).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType

from edge_daemon.announce import announce
from edge_daemon.commands.controls import DaemonControls, Inbox, ReadingSwitch, enqueue
from edge_daemon.commands.dispatcher import CommandDispatcher
from edge_daemon.commands.on_demand import OnDemandReader
from edge_daemon.commands.transactions import Transactions
from edge_daemon.config.last_good import ConfigFile
from edge_daemon.config.schema import Config
from edge_daemon.decision.voter import Voter
from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Event, Frame, Listener, Number, Patch, Reading, Record, Request, Status
from edge_daemon.errors import ConfigError, StepError
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.inference.edgetpu import EdgeTpu
from edge_daemon.model_store.active_model import ActiveModel, open_active_model
from edge_daemon.model_store.store import Store
from edge_daemon.on_device.collector import HardSampleCollector
from edge_daemon.on_device.explain_log import ReadingLog
from edge_daemon.on_device.frame_share import FrameShare
from edge_daemon.on_device.samples import open_samples
from edge_daemon.recognition.reader import Reader
from edge_daemon.reuse import ReusedResources
from edge_daemon.second_opinion.budget import Budget
from edge_daemon.second_opinion.channels import BrokerChannel, Channel, LocalChannel
from edge_daemon.second_opinion.client import SecondOpinionClient
from edge_daemon.sources.reconnecting import SILENT_AFTER, ReconnectingCamera
from edge_daemon.system.crash_guard import GUARD
from edge_daemon.system.folders import runtime_folder, state_folder
from edge_daemon.system.journal import event
from edge_daemon.system.systemd import Systemd
from edge_daemon.telemetry.exporters import HealthFiles
from edge_daemon.telemetry.report import HealthReport
from edge_daemon.updates.schedule import UpdateScheduler

log = logging.getLogger(__name__)

ReadPatch = tuple[Patch, list[Number]]
"""A patch and the numbers that were read in it, boxes in pixels of the patch."""
NO_RESTART = 600.0
"""Seconds after the start in which too much memory does not restart the process: a restart would not free any."""


@dataclass(frozen=True, slots=True)
class App:
    """The parts of the daemon, connected."""

    camera: ReconnectingCamera
    fields: FieldExtractor
    reader: Reader
    voter: Voter
    outbox: Outbox
    second_opinion: SecondOpinionClient | None
    """None: no second opinions, which is the default."""
    frame_share: FrameShare
    courier: Courier
    report: HealthReport
    systemd: Systemd
    inbox: Inbox
    switch: ReadingSwitch
    controls: DaemonControls
    dispatcher: CommandDispatcher
    listeners: tuple[Listener, ...]
    """Called with each patch and record, and in each round, in this order."""
    memory: int
    """Bytes of memory above which the process restarts."""
    keep_configuration: Callable[[], None]
    """Called after each frame that was read: the configuration is good."""


def run(app: App) -> Request:
    """Carry frames from the camera to the outbox until there is a request to leave, or no further frame."""
    app.systemd.ready()
    for frame in app.camera.frames:
        app.courier.check()
        app.systemd.watchdog_ping()  # the only ping in the program: a path that hangs is restarted
        if request := next_request(app):
            return request
        if frame is not None:
            app.frame_share.show(frame)
        if app.switch.is_on:
            if frame is not None:
                process(app, frame)
                app.keep_configuration()
            publish(app, app.voter.due(frame.mono if frame else time.monotonic()))
        check_camera(app)
        for listener in app.listeners:
            listener.on_tick()
        if request := must_rebuild(app):
            return request
    return Request.STOP


def process(app: App, frame: Frame) -> None:
    """Read a frame, pass the result to the listeners, and set the rate of the next frames."""
    started = time.monotonic()
    for patch, numbers in read_frame(frame, app.fields, app.reader, app.voter):
        for listener in app.listeners:
            tell(listener, patch.field or "the whole frame", patch.pixels, partial(listener.on_patch, patch, numbers))
    app.voter.backend = app.reader.classifier.backend  # a Coral may have failed
    app.camera.set_active(app.fields.is_active(frame.mono) or bool(app.voter.undecided) or app.frame_share.is_wanted)
    app.report.frame(time.monotonic() - started)


def read_frame(frame: Frame, fields: FieldExtractor, reader: Reader, voter: Voter) -> list[ReadPatch]:
    """Cut the fields out of one frame, read them, and pass them to the voter. Returns each patch with its numbers.

    A patch that cannot be read (too dark, blurred, ...) has none.
    """
    try:
        patches = GUARD.call("finding the fields", frame.pixels, fields.cut, frame, voter.undecided)
    except StepError:
        patches = fields.unreadable(frame)
    result = [read_patch(patch, reader) for patch in patches]
    for patch, numbers in result:
        voter.observe(patch, numbers)
    return result


def read_patch(patch: Patch, reader: Reader) -> ReadPatch:
    """Read one patch. One that cannot be read has no numbers, and the status UNREADABLE where reading it fails."""
    if patch.status is not Status.OK:
        return patch, []
    height, width = patch.pixels.shape
    what = f"the field {patch.field}" if patch.field else "the whole frame"
    try:
        return patch, GUARD.call(f"reading {what} ({width} x {height} px)", patch.pixels, reader.read, patch)
    except StepError:
        return replace(patch, status=Status.UNREADABLE), []


def read_numbers(reader: Reader, patch: Patch) -> list[Number]:
    """The numbers in a patch; none where reading it fails."""
    return read_patch(patch, reader)[1]


def publish(app: App, records: Sequence[Record]) -> None:
    """Put records into the outbox, from which the courier sends them, and pass them to the log and the listeners."""
    for seq, record in zip(app.outbox.put_all(records), records, strict=True):
        log_record(record)
        for listener in app.listeners:
            tell(listener, record.field or "the daemon", None, partial(listener.on_record, seq, record))


def tell(listener: Listener, about: str, content: object, call: Callable[[], None]) -> None:
    """Call a listener. It stands beside the path: an error that is not foreseen is logged, and the path goes on."""
    with suppress(StepError):
        GUARD.call(f"telling {type(listener).__name__} of {about}", content, call)


def check_camera(app: App) -> None:
    """Publish that the camera has failed or is back; without frames for long, readings become stale."""
    publish(app, app.camera.pop_events())
    app.controls.set_camera_silent(app.camera.frame_age > SILENT_AFTER)


def must_rebuild(app: App) -> Request | None:
    """RELOAD when the disk of the outbox is usable again, RESTART when the process holds too much memory."""
    if app.outbox.recovered():
        return Request.RELOAD
    if app.report.resident > app.memory and app.report.uptime > NO_RESTART:
        log.warning("%d MB of memory are in use; restarting", app.report.resident // 10**6, extra=event("restart"))
        return Request.RESTART
    return None


def main(configuration: ConfigFile) -> None:
    """Run the daemon until SIGTERM or SIGINT, or until a source of files has no further picture.

    SIGHUP and the command `reload` read the configuration again. A configuration that cannot be used is reported, and
    the present one is kept; at the start, the last good copy is used. Raises CameraHangsError, PictureError,
    ModelError, OutboxError, CourierError or ConfigError.
    """
    inbox: Inbox = SimpleQueue()
    with (
        GUARD.watching(runtime_folder() / "steps"),
        signals(inbox),
        closing(ReusedResources(partial(enqueue, inbox))) as reused,
    ):
        config, wrong = configuration.load_at_start()
        while True:
            with build(config, reused, inbox, configuration, wrong) as app:
                classifier = app.reader.classifier
                start = (config.device, classifier.name, classifier.backend)
                log.info("%s: reading with %s on %s", *start, extra=event("start"))
                request = run(app)
                app.systemd.reloading() if request is Request.RELOAD else app.systemd.stopping()
            log.info("the frame loop has ended: %s", request.value)
            if request is not Request.RELOAD:
                break
            try:
                config, wrong = configuration.load_to_run(), ""
            except ConfigError as error:
                wrong = str(error)
                log.error("the present configuration stays in use: %s", wrong, extra=event("config"))
            if reused.needs_new_process(config):
                request = Request.RESTART
                break
    if request is Request.RESTART:
        # the same process id, as systemd expects; everything else is new
        os.execve(sys.executable, sys.orig_argv, reused.rebuilds.environment())


@contextmanager
def build(
    config: Config, reused: ReusedResources, inbox: Inbox, configuration: ConfigFile, wrong: str = ""
) -> Iterator[App]:
    """Put the daemon together from what can be reused and what is new; at the end close what cannot be reused.

    `configuration` is the file that `config` comes from. `wrong` is why the newest configuration cannot be used, if so.
    """
    with ExitStack() as stack:
        device, state, runtime = config.device, state_folder(), runtime_folder()
        store = Store(state / "models")
        model = stack.enter_context(chosen_model(config, store, inbox))
        reader, classifier = model.reader, model.reader.classifier
        systemd = stack.enter_context(closing(Systemd()))
        delivery, camera = reused.delivery(config), reused.camera(config)
        outbox, last_values, courier = delivery.outbox, delivery.last_values, delivery.courier
        announce(config, classifier, store.note_model(classifier.name), outbox, last_values)

        fields = FieldExtractor(config.fields)
        read = partial(read_numbers, reader)
        voter = Voter(config.fields, classifier.name, classifier.backend, read, outbox.accepted())
        switch = ReadingSwitch(state / "disabled")

        reading_log = ReadingLog(runtime / "explain")
        collector = HardSampleCollector(open_samples(state, runtime, config.samples))
        frame_share = stack.enter_context(closing(FrameShare(runtime / "preview")))
        second_opinion = None
        if config.opinion.per_day:
            budget = Budget(state / "opinions.json", config.opinion.per_day)
            channel = opinion_channel(config, last_values, courier, switch)
            stack.callback(channel.cancel)
            second_opinion = SecondOpinionClient(device, channel, voter, budget)
        scheduler = UpdateScheduler(device, last_values, config.updates, state / "updates", store, inbox.put)
        updating = stack.enter_context(closing(scheduler))

        report = HealthReport(
            device,
            last_values,
            outbox,
            courier,
            camera,
            stack.enter_context(closing(HealthFiles(device, config.health, runtime))),
            config.mqtt.bare_value,
            wrong,
            others=lambda: model.problems() | updating.problems() | GUARD.problems(),
            status=systemd.status,
            second_opinions=second_opinion.counts if second_opinion else lambda: None,
        )
        on_demand = OnDemandReader(device, last_values, fields, voter, config.mqtt.snapshots)
        controls = DaemonControls(
            device,
            last_values,
            outbox,
            report,
            inbox,
            switch,
            configuration.load,
            on_demand,
            courier.replay,
            updating,
            reused.rebuilds,
        )
        commands = CommandDispatcher(device, last_values, controls, Transactions(state / "transactions"))
        dispatcher = stack.enter_context(closing(commands))

        listeners = (reading_log, on_demand, collector, second_opinion, report, controls, dispatcher, updating)
        courier.start()
        yield App(
            camera=camera,
            fields=fields,
            reader=reader,
            voter=voter,
            outbox=outbox,
            second_opinion=second_opinion,
            frame_share=frame_share,
            courier=courier,
            report=report,
            systemd=systemd,
            inbox=inbox,
            switch=switch,
            controls=controls,
            dispatcher=dispatcher,
            listeners=tuple(listener for listener in listeners if listener is not None),
            memory=config.health.max_memory,
            keep_configuration=configuration.save_copy,
        )


def opinion_channel(config: Config, last_values: LastValueCache, courier: Courier, switch: ReadingSwitch) -> Channel:
    """Where second opinions come from, as [opinion] where says."""
    if config.opinion.where == "here":
        return LocalChannel(lambda: switch.is_on)
    return BrokerChannel(config.device, last_values, lambda: courier.connected and switch.is_on)


@contextmanager
def chosen_model(config: Config, store: Store, inbox: Inbox) -> Iterator[ActiveModel]:
    """The reader with the configured model, on a Coral where there is one. Another model asks for a reload."""
    device, reload = EdgeTpu(state_folder(), config.model.delegate == "edgetpu"), partial(inbox.put, Request.RELOAD)
    with closing(device), open_active_model(config.model, store, device, reload) as model:
        yield model


def next_request(app: App) -> Request | None:
    """Handle the messages in the inbox, up to the first request to leave the path."""
    with suppress(Empty):
        while True:
            item = app.inbox.get_nowait()
            if isinstance(item, Request):
                return item
            if not (app.second_opinion and app.second_opinion.on_answer(item)):
                app.dispatcher.handle(item)
    return None


def log_record(record: Record) -> None:
    """Log one line for a reading; events are logged where they occur."""
    if isinstance(record, Event):
        return
    extra = event("reading", FIELD=record.field, STATUS=record.status.value, VALUE=record.text or "")
    if record.gone:
        log.info("%s: gone", record.field, extra=extra)
    elif record.status == "ok":
        votes = (100 * record.confidence, *record.votes)
        log.info("%s: %s (%.0f %%, %d of %d frames)", record.field, record.text, *votes, extra=extra)
    else:
        log.info("%s: %s%s", record.field, record.status, best_candidate(record), extra=extra)


def best_candidate(reading: Reading) -> str:
    """For the log: the most likely text of a rejected reading, where there is one."""
    return f", read as {reading.candidates[0][0]}" if reading.candidates else ""


@contextmanager
def signals(inbox: Inbox) -> Iterator[None]:
    """SIGTERM and SIGINT request a stop, a second one ends the process at once; SIGHUP requests a reload."""

    def request(number: int, _stack: FrameType | None) -> None:
        if number == signal.SIGHUP:
            inbox.put(Request.RELOAD)
            return
        inbox.put(Request.STOP)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, request) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
