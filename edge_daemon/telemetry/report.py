"""The daemon's own state on MQTT: `health` every minute, `problem` when it changes."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from edge_daemon.delivery.courier import Courier
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Listener, Reading, Record, Status
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.payloads import FrameTime, HealthPayload, QueuePayload, SecondOpinionCounts
from edge_daemon.sources.reconnecting import SILENT_AFTER, ReconnectingCamera
from edge_daemon.system import machine
from edge_daemon.telemetry.exporters import HealthFiles

T = TypeVar("T")

EVERY = 60.0
"""Seconds between two health messages."""
_DAY = 86400.0
HOT = 80.0
"""Degrees Celsius at which a Raspberry Pi slows down."""
_TIMED_FRAMES = 1000
"""Newest frames from which the latencies are computed."""


class HealthReport(Listener):
    """Counts what the path does, and publishes it as last-value messages. Called from the path's thread only."""

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        outbox: Outbox,
        courier: Courier,
        camera: ReconnectingCamera,
        files: HealthFiles,
        bare_value: bool = False,
        wrong: str = "",
        now: Callable[[], float] = time.monotonic,
        others: Callable[[], dict[str, str]] = dict,
        status: Callable[[str], object] = lambda line: None,
        second_opinions: Callable[[], SecondOpinionCounts | None] = lambda: None,
    ) -> None:
        """`bare_value`: the number of each reading is also published alone. `wrong`: why a configuration was refused.
        `others`: further problems, code -> text. `status`: receives the line for `systemctl status`."""
        self.resident = 0
        """Bytes of memory of the process at the last health message; 0: unknown."""
        self._device = device
        self._last_values = last_values
        self._outbox = outbox
        self._courier = courier
        self._camera = camera
        self._files = files
        self._bare_value = bare_value
        self._wrong = wrong
        self._now = now
        self._others = others
        self._status = status
        self._second_opinions = second_opinions
        self._started = self._next = now()
        self._frames = 0
        self._took: deque[float] = deque(maxlen=_TIMED_FRAMES)
        self._readings: Counter[Status] = Counter()
        self._good_at: float | None = None
        self._problems: dict[str, str] | None = None
        self._written = machine.bytes_written()
        self._machine: dict[str, str] = {}

    def frame(self, took: float) -> None:
        """Count a frame that was processed in `took` seconds."""
        self._frames += 1
        self._took.append(took)

    def on_record(self, seq: int, record: Record) -> None:
        """Count a reading, and publish its bare value."""
        if not isinstance(record, Reading):
            return
        if self._bare_value and (record.gone or record.value is not None):
            self._last_values.set(messages.bare_value(self._device, record))
        if not record.gone:
            self._readings[record.status] += 1
        if record.status is Status.OK:
            self._good_at = self._now()

    def on_tick(self) -> None:
        """Publish what is due, and set the status line."""
        if changed := (problems := self.problems()) != self._problems:
            self._problems = problems
            self._last_values.set(messages.problem(self._device, problems))
        if due := self._now() >= self._next:
            self._next = self._now() + EVERY
            health = self.health()
            self.resident = health.rss_bytes or 0
            self._machine = _machine_problems(health)
            self._last_values.set(messages.health(self._device, health))
            self._files.write(msgspec.to_builtins(health), problems)
        if changed or due:
            self._status(self.summary())

    @property
    def uptime(self) -> float:
        """Seconds since the start or the last reload."""
        return self._now() - self._started

    def summary(self) -> str:
        """One line for `systemctl status`."""
        read = f"{self._readings[Status.OK]} readings"
        if self._good_at is not None:
            read += f", the last {self._now() - self._good_at:.0f} s ago"
        return "; ".join([read, *(self._problems or {}).values()])

    def health(self) -> HealthPayload:
        """All figures; those that the machine does not report are UNSET. Counts are since the start."""
        now, outbox, written = self._now(), self._outbox, machine.bytes_written()
        return HealthPayload(
            uptime_s=round(self.uptime),
            frames=self._frames,
            accepted=self._readings[Status.OK],
            rejected={status.value: count for status, count in self._readings.items() if status is not Status.OK},
            frame_ms=self._frame_time(),
            queue=QueuePayload(outbox.waiting, outbox.dropped, outbox.refused, outbox.salvaged, outbox.lost),
            frame_age_s=round(self._camera.frame_age, 1),
            last_good_age_s=UNSET if self._good_at is None else round(now - self._good_at),
            connects=self._courier.connects,
            temperature_c=_or_unset(machine.temperature()),
            throttled=_or_unset(machine.throttled()),
            under_voltage=_or_unset(machine.is_low_on_voltage()),
            rss_bytes=_or_unset(machine.resident_bytes()),
            written_bytes=_or_unset(written),
            written_bytes_per_day=self._per_day(written),
            fds=_or_unset(machine.open_files()),
            threads=threading.active_count(),
            opinions=_or_unset(self._second_opinions()),
        )

    def _per_day(self, written: int | None) -> int | UnsetType:
        if written is None or self._written is None or self.uptime < _DAY / 48:
            return UNSET
        return round((written - self._written) / self.uptime * _DAY)

    def problems(self) -> dict[str, str]:
        """Code -> text for a person, of everything that is wrong now."""
        outbox, found = self._outbox, self._courier.problems() | self._others()
        if outbox.damaged or outbox.salvaged or outbox.lost:
            found["outbox_damaged"] = (
                f"the outbox was damaged: {outbox.salvaged} records were salvaged, {outbox.lost} lost"
            )
        if outbox.trouble:
            found["disk"] = outbox.trouble
        if outbox.dropped:
            found["outbox_dropped"] = f"{outbox.dropped} records were too many or too old and were never sent"
        if self._camera.problem:
            found["camera"] = self._camera.problem
        elif self._camera.frame_age > SILENT_AFTER:
            found["camera_timeout"] = "the camera gives no frames"
        if self._wrong:
            found["config"] = f"the configuration is wrong, the previous one stays in use: {self._wrong}"
        return found | self._machine

    def _frame_time(self) -> FrameTime | UnsetType:
        """UNSET before the first frame."""
        if not self._took:
            return UNSET
        median, p95 = np.percentile(self._took, (50, 95))
        return FrameTime(round(float(median) * 1000, 1), round(float(p95) * 1000, 1))


def _or_unset(figure: T | None) -> T | UnsetType:
    return UNSET if figure is None else figure


def _machine_problems(health: HealthPayload) -> dict[str, str]:
    """Code -> text for a person, of what is wrong with the machine."""
    found = {}
    if health.under_voltage:
        found["under_voltage"] = "the power supply is too weak: the voltage drops (use the supply made for this Pi)"
    if health.temperature_c is not UNSET and health.temperature_c >= HOT:
        heat = health.temperature_c
        found["too_hot"] = f"the processor is at {heat:.0f} degrees and slows down: give it air or a heat sink"
    return found
