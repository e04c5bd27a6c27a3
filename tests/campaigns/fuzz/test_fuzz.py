"""Short forms of scripts/campaign fuzz: the same inputs in each run, a failing one made as small as possible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.campaigns.fuzz import campaign, pictures, requests, state
from tests.campaigns.fuzz.campaign import Check, Died, Lost, Target, Wrong


def short(target: Target, folder: Path, examples: int, shrink: bool = True) -> None:
    """Checks some drawn cases; without `shrink`, where a case takes long, a failing one is shown as it was drawn."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    with target.checking(folder) as check:

        @settings(max_examples=examples, phases=phases, suppress_health_check=list(HealthCheck))
        @given(target.cases)
        def each(case: object) -> None:
            check(case)

        each()


def test_what_a_campaign_counts(tmp_path: Path) -> None:
    """Each kind of fault in its own column, any other error as a death, the slowest recovery, and the cases."""

    @contextmanager
    def checking(folder: Path) -> Iterator[Check]:
        def check(case: int) -> float:
            if case < 4:
                raise [Died, Wrong, Lost, ZeroDivisionError][case]("fault")
            return case

        yield check

    figures = campaign.run(Target(st.just(7), checking, range(6)), tmp_path, 60, 1, 8, lambda _: None)
    assert (figures.died, figures.wrong, figures.lost, figures.slowest_recovery) == (2, 1, 1, 7)
    assert figures.cases == 8
    assert len(figures.faults) == 4


def test_sizes(tmp_path: Path) -> None:
    """A picture of any size from 1 x 1 to 128 x 64 is read, or nothing is."""
    with pictures.checking(tmp_path) as check:
        for page in pictures.SWEEP.always[:40]:
            check(page)


def test_pictures(tmp_path: Path) -> None:
    """Pictures, regions and formats of all kinds: only what is written is read."""
    short(pictures.DRAWN, tmp_path, 20)


def test_requests(tmp_path: Path) -> None:
    """Requests, and questions for second opinions, of any form: one answer to each, and it can be sent."""
    short(requests.TARGET, tmp_path, 50)


@pytest.mark.slow
def test_state(tmp_path: Path) -> None:
    """The whole daemon with damaged files and folders: it starts, reads, answers, delivers what was stored."""
    short(state.TARGET, tmp_path, 4, shrink=False)
