"""Shared by all tests: a real broker, and the rule that CI skips nothing silently."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.brokers.mosquitto import broker, recorder
from tests.support.model_publisher import published, states

__all__ = ["broker", "published", "recorder", "states"]  # fixtures for all tests

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell's background job ignores Ctrl-C, and so would every process that a test starts and sends one."""

# no time limit for an example: CI machines pause; the same examples in each run, and no folder .hypothesis
settings.register_profile("edge_daemon", deadline=None, database=None, derandomize=True)
settings.load_profile("edge_daemon")

ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")


def _allowed_skips() -> dict[str, str]:
    """Test id -> reason, from lines `tests/test_x.py::test_y: reason`."""
    lines = [line for line in ALLOWED_SKIPS.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Under CI=true a skipped test fails, unless allowed_skips.txt names it with its reason."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.nodeid not in _allowed_skips():
        report.outcome = "failed"
        report.longrepr = f"skipped under CI and not named in {ALLOWED_SKIPS.name}: {report.longrepr}"
    return report
