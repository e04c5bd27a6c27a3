"""`edge-daemon report`: from the files of an outbox to a page."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from edge_daemon.cli.main import cli
from edge_daemon.delivery.outbox import Outbox
from edge_daemon.errors import ReportError
from edge_daemon.system import regular_file
from edge_daemon.tools.reporting.history import beginning
from tests.support.records import reading

NOW = time.mktime((2026, 11, 24, 9, 30, 0, 0, 0, -1))


def command(state: Path, *arguments: str) -> Result:
    return CliRunner(env={"STATE_DIRECTORY": str(state)}).invoke(cli, ["report", *arguments])


def test_what_happened_last_night(tmp_path: Path) -> None:
    """The page has what the daemon, which still runs, has published; the path of the page is printed."""
    outbox = Outbox(tmp_path / "state", "dock3")
    outbox.put_all([reading(number, captured_at=time.time() - 60 + number) for number in range(3)])
    done = command(tmp_path / "state", "--since", "1h", "--to", str(tmp_path / "page"))
    outbox.close()
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "page/index.html"))
    assert "from 00000 to 00002 pcs, 2 changes" in (tmp_path / "page/index.html").read_text()


def test_no_readings(tmp_path: Path) -> None:
    """It says where it looked, and what to do."""
    done = command(tmp_path, "--to", str(tmp_path / "page"))
    assert isinstance(done.exception, ReportError)
    assert str(done.exception) == f"no readings are kept in {tmp_path}. Has the daemon run here, and read anything yet?"


def test_without_the_library_for_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the extra."""
    outbox = Outbox(tmp_path, "dock3")
    outbox.put(reading(captured_at=time.time() - 60))
    outbox.close()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    done = command(tmp_path, "--since", "1h", "--to", str(tmp_path / "page"))
    assert isinstance(done.exception, ReportError)
    assert "pip install 'edge-daemon[report]'" in str(done.exception)


@pytest.mark.parametrize(
    ("since", "before"),
    [("today", 34_200), ("yesterday", 34_200 + 86_400), ("12h", 43_200), ("2026-11-24 09:00", 1800)],
)
def test_since(since: str, before: float) -> None:
    """A day begins at midnight here; "12h" is before now; a time without a zone is local."""
    assert NOW - beginning(since, NOW) == before


@pytest.mark.parametrize("since", ["tomorrow", "2999-01-01", "12 apples", ""])
def test_since_when(tmp_path: Path, since: str) -> None:
    """What cannot be used is refused with what can."""
    done = command(tmp_path, "--since", since)
    assert (done.exit_code, "write today, yesterday" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("error", "remedy"), [(PermissionError(13, "Permission denied"), True), (OSError(5, "I/O"), False)]
)
def test_files_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, remedy: bool
) -> None:
    """Where only the daemon's user may read them it says who can. Root meets no such error, so the reader raises it."""
    (tmp_path / "past-00000000.log").touch()
    monkeypatch.setattr(regular_file, "read", Mock(side_effect=error))
    done = command(tmp_path, "--to", str(tmp_path / "page"))
    assert isinstance(done.exception, ReportError)
    assert ("sudo edge-daemon report" in str(done.exception)) == remedy
