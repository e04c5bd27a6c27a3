"""Controls of the daemon: a camera without frames makes readings stale."""

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


def test_readings_are_stale_while_the_camera_gives_no_frames(tmp_path: Path) -> None:
    """Each field becomes stale once and keeps its value; the first new frame causes one reload."""
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
