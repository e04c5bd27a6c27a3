"""Whether the clock is set, in a sandbox that does not let the kernel be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.system import clock
from edge_daemon.system.clock import Timedated


@pytest.mark.parametrize(("answer", "synced"), [("echo yes", True), ("echo no", False), ("exit 1", False)])
def test_the_sandboxed_service_asks_timedated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, synced: bool
) -> None:
    """With chrony there is no file of timesyncd, and adjtimex is refused: what timedatectl prints counts."""
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(clock, "_TIMESYNCD", tmp_path / "none")
    monkeypatch.setattr(clock, "_kernel_synced", lambda: None)
    monkeypatch.setattr(clock, "_timedated", Timedated())
    assert clock.is_synced() is synced


def test_it_is_asked_seldom_and_only_until_the_clock_is_set() -> None:
    """At growing intervals, at most an hour; then never again."""
    time, asked, answer = 0.0, list[float](), False

    def ask() -> bool:
        asked.append(time)
        return answer

    timedated = Timedated(ask, lambda: time)
    for _ in range(24 * 60):
        assert not timedated.is_synced()
        time += 60.0
    assert asked[0] == 0.0
    assert 24 <= len(asked) <= 60
    answer = True
    time += 3600.0
    assert timedated.is_synced()
    before = len(asked)
    time += 10 * 24 * 3600.0
    assert timedated.is_synced()
    assert len(asked) == before
