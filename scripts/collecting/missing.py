"""Asks devices for readings that the database does not have (`--since`): the command `history` publishes them again."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import msgspec

from edge_daemon.errors import EdgeDaemonError
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import Timeouts, connect
from edge_daemon.tools.call import call
from scripts.collecting.collector import Tell
from scripts.collecting.postgresql import PostgreSQL

RETAINED = 2.0
"""Seconds in which a broker sends what it retains."""
ARRIVING = 300.0
"""Seconds for the readings of one answer to arrive, at most."""

_FIRST_MISSING = """
WITH record AS (
    SELECT device, epoch, seq, captured_at AS at FROM edge_daemon.reading
    UNION ALL
    SELECT device, epoch, seq, at FROM edge_daemon.event
), newest AS (
    SELECT DISTINCT ON (device) device, epoch FROM record ORDER BY device, epoch DESC
), known AS (
    SELECT device, epoch, min(at) AS first_at, max(seq) AS last_seq
    FROM record JOIN newest USING (device, epoch) GROUP BY device, epoch
)
SELECT device, CASE
    WHEN first_at > %(since)s THEN 0
    ELSE coalesce((
        SELECT min(first_seq) FROM edge_daemon.gap
        WHERE gap.device = known.device AND gap.epoch = known.epoch AND gap.before >= %(since)s
    ), last_seq + 1) END
FROM known
"""
_ARRIVED = "SELECT count(*) FROM edge_daemon.reading WHERE device = %s AND seq >= %s AND seq < %s"


class _Answer(msgspec.Struct):
    """The data in the answer to `history`."""

    readings: int
    next_seq: int | None = None


class Missing:
    """One round of questions to all devices, beside the collector that stores what they send."""

    def __init__(self, broker: BrokerAddress, database: PostgreSQL, since: datetime, tell: Tell) -> None:
        """`database`: a connection of its own."""
        self._broker = broker
        self._database = database
        self._since = since
        self._tell = tell

    def start(self) -> None:
        """Asks in a thread of its own, which ends with the process."""
        threading.Thread(target=self.ask, name="missing", daemon=True).start()

    def ask(self) -> None:
        """Asks each device that the broker or the database knows. Tells what could not be asked."""
        try:
            first = dict.fromkeys(self._announced(), 0) | first_missing(self._database, self._since)
        except EdgeDaemonError as error:
            self._tell(f"--since: {error}")
            return
        for device, seq in sorted(first.items()):
            try:
                self._ask(device, seq)
            except (EdgeDaemonError, ValueError) as error:
                self._tell(f"--since: {device}: {error}")
        self._tell(f"--since: {len(first)} devices asked")

    def _ask(self, device: str, seq: int) -> None:
        """Asks for all from `seq` on, in the portions that the device gives. Raises BrokerError, ValueError."""
        while True:
            response = call(self._broker, device, "history", {"from_seq": seq})
            if response.get("status") != "ok":
                raise ValueError(response.get("error", "it refuses"))
            answer = msgspec.convert(response.get("data"), _Answer)
            if answer.next_seq is None or answer.next_seq <= seq:
                return
            self._wait_for(answer.readings, device, seq, answer.next_seq)  # a new question would end its replay
            seq = answer.next_seq

    def _wait_for(self, readings: int, device: str, seq: int, next_seq: int) -> None:
        deadline = time.monotonic() + ARRIVING
        while self._database.query(_ARRIVED, [device, seq, next_seq])[0][0] < readings:
            if time.monotonic() > deadline:
                raise ValueError(f"its readings {seq} to {next_seq - 1} did not arrive within {ARRIVING:.0f} s")
            time.sleep(0.5)

    def _announced(self) -> set[str]:
        """The devices whose availability the broker retains. Raises BrokerError."""
        link = connect(self._broker, "", Timeouts())
        try:
            link.listen(["edge_daemon/+/availability"], Timeouts().connack)
            until = time.monotonic() + RETAINED
            while link.up and (left := until - time.monotonic()) > 0:
                link.pump(left)
            return {message.topic.split("/")[1] for message in link.received}
        finally:
            link.close()


def first_missing(database: PostgreSQL, since: datetime) -> dict[str, int]:
    """Device -> the number from which on readings may be missing, of all devices in the database."""
    return dict(database.query(_FIRST_MISSING, {"since": since}))
