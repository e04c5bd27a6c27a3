"""Shared by all tests: folders of their own, a real broker, and the rule that CI skips nothing silently."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from edge_daemon.system import credentials
from tests.support.brokers.mosquitto import broker, recorder
from tests.support.model_publisher import published, states

__all__ = ["broker", "published", "recorder", "states"]  # fixtures for all tests

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell's background job ignores Ctrl-C, and so would every process that a test starts and sends one."""

# no time limit for an example: CI machines pause; the same examples in each run, and no folder .hypothesis
settings.register_profile("edge_daemon", deadline=None, database=None, derandomize=True)
settings.load_profile("edge_daemon")

OF_THE_MACHINE = (
    "XDG_RUNTIME_DIR",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
)
"""Variables by which a service manager or a login session would reach into a test."""

ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")


def _allowed_skips() -> dict[str, str]:
    """Test id -> reason, from lines `tests/test_x.py::test_y: reason`."""
    lines = [line for line in ALLOWED_SKIPS.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


def _isolate(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """This process, and the programs that it starts, see no daemon and no user of this machine; only `folder`."""
    for name in OF_THE_MACHINE:
        patch.delenv(name, raising=False)
    for name, place in {"STATE_DIRECTORY": "state", "RUNTIME_DIRECTORY": "run", "HOME": "home"}.items():
        patch.setenv(name, str(folder / place))
    (folder / "home").mkdir(parents=True)
    patch.setattr(credentials, "CREDENTIALS", folder / "credentials")


@pytest.fixture(scope="session", autouse=True)
def session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For fixtures that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, tmp_path_factory.mktemp("session"))
        yield


@pytest.fixture(autouse=True)
def working_folder() -> Iterator[None]:
    """A test leaves the working folder as it was: from there the programs of later tests import `tests`."""
    path, before = Path.cwd(), Path().stat()
    yield
    after = Path().stat()
    os.chdir(path)
    assert os.path.samestat(before, after), "this test has changed the working folder"


@pytest.fixture(autouse=True)
def own_folders(session_folders: None, working_folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State, runtime and home folders of each test's own, beside its tmp_path."""
    _isolate(monkeypatch, tmp_path.with_name(f"{tmp_path.name}-own"))


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """A test that sets up logging changes nothing for the next one."""
    loggers = [logging.getLogger(), logging.getLogger("edge_daemon")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Under CI=true a skipped test fails, unless allowed_skips.txt names it with its reason."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.nodeid not in _allowed_skips():
        report.outcome = "failed"
        report.longrepr = f"skipped under CI and not named in {ALLOWED_SKIPS.name}: {report.longrepr}"
    return report
