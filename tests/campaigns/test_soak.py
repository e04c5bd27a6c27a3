"""Memory, files and threads stay as they are: the short form of scripts/campaign soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.soak import Sample, judge, soak


@pytest.mark.slow
def test_nothing_grows(tmp_path: Path) -> None:
    """Some thousand frames, the broker restarted, two reloads: as many files and threads as in the middle."""
    verdict = soak(tmp_path, frames=6_000, reconnects=20, reloads=2)
    assert verdict.frames >= 6_000
    assert (verdict.reconnects, verdict.reloads) == (20, 2)
    assert verdict.fds[1] <= verdict.fds[0]
    assert verdict.threads[1] <= verdict.threads[0]
    assert verdict.rss_mb[-1] - verdict.rss_mb[3] < 10  # too short for a slope


@pytest.mark.parametrize(
    ("grows", "good"), [({}, True), ({"rss": 2e-5}, False), ({"fds": 1e-4}, False), ({"threads": 1e-4}, False)]
)
def test_what_grows_is_seen(grows: dict[str, float], good: bool) -> None:
    """2 MB in 100,000 frames, a file or a thread now and then: no good."""

    def at(frames: int) -> Sample:
        by = {name: slope * frames for name, slope in grows.items()}
        return Sample(frames, 100 + by.get("rss", 0), 13 + round(by.get("fds", 0)), 2 + round(by.get("threads", 0)))

    assert judge([at(n * 1000) for n in range(100)], 100_000, 0, 0, 60).good is good
