"""What the path does to itself: a camera that gives nothing makes readings stale."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import cast

from edge_daemon.commands.controls import DaemonControls, Inbox, Models, ReadingSwitch
from edge_daemon.commands.on_demand import OnDemandReader
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.domain import Reading, Request, Status
from edge_daemon.telemetry.report import HealthReport
from tests.support.records import reading


def test_readings_of_a_camera_that_gives_nothing_are_stale(tmp_path: Path) -> None:
    """Each field says so once, and keeps its value; with the first frame again all is looked at afresh, once."""
    inbox: Inbox = SimpleQueue()
    with closing(Outbox(tmp_path, "dock3")) as outbox:
        report = cast(HealthReport, None)
        switch, on_demand, models = ReadingSwitch(tmp_path / "disabled"), cast(OnDemandReader, None), cast(Models, None)
        controls = DaemonControls(
            "dock3", LastValueCache(), outbox, report, inbox, switch, lambda: None, on_demand, lambda _: None, models
        )
        for field in ("units", "tank"):
            controls.on_record(0, reading(7, field=field))
        for now in (False, True, True, False, False):
            controls.set_camera_silent(now)
        said = [entry.record for entry in outbox.readings(0)]
        assert {(r.field, r.status, r.value) for r in said if isinstance(r, Reading)} == {
            ("units", Status.STALE, 7),
            ("tank", Status.STALE, 7),
        }
        assert len(said) == 2
    assert inbox.get_nowait() is Request.RELOAD
    assert inbox.empty()
