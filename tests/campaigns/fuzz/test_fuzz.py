"""Short forms of scripts/campaign fuzz: the same inputs in each run, a failing one made as small as possible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.campaigns.fuzz import (
    broker,
    campaign,
    configurations,
    frames,
    models,
    picture_files,
    pictures,
    requests,
    state,
)
from tests.campaigns.fuzz.campaign import Check, Died, Lost, Target, Wrong


def short(target: Target, folder: Path, examples: int, shrink: bool = True) -> None:
    """Checks the same drawn cases in each run; scripts/campaign fuzz draws others.

    Without `shrink`, where a case takes long, a failing one is shown as it was drawn.
    """
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    with target.checking(folder) as check:

        @settings(
            max_examples=examples,
            phases=phases,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
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


def test_configurations(tmp_path: Path) -> None:
    """Configurations of any form: refused with file, line and what was expected, or a daemon lives with them."""
    short(configurations.TARGET, tmp_path, 30)


def test_files(tmp_path: Path) -> None:
    """Picture files of all formats, whole and damaged: read, or named as what cannot be read."""
    short(picture_files.READ, tmp_path, 30)


def test_delivery(tmp_path: Path) -> None:
    """Brokers of any behaviour: what waited reaches the good one that follows, and the delivery goes on."""
    short(broker.DELIVERY, tmp_path, 12)


def test_models(tmp_path: Path) -> None:
    """Manifests with any field, and damaged files of a model: refused, or the original runs."""
    short(models.STORE, tmp_path, 30)


@pytest.mark.slow
def test_updates(tmp_path: Path) -> None:
    """A web server with changed files: nothing is offered but what was signed."""
    short(models.UPDATES, tmp_path, 10)


@contextmanager
def living(folder: Path) -> Iterator[Check]:
    """Frames of the whole process, without what is read in them: how many it sees before it decides is chance."""
    with frames.DRAWN.checking(folder) as check:

        def alive(case: frames.Frames) -> None:
            with suppress(Wrong):
                check(case)

        yield alive


ALIVE = Target(frames.DRAWN.cases, living)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "target",
    [state.TARGET, broker.WHOLE, picture_files.WATCHED, ALIVE],
    ids=["state", "broker", "watched", "frames"],
)
def test_whole_daemon(tmp_path: Path, target: Target) -> None:
    """The same with the whole process, and with damaged state: it starts, reads, delivers, and ends well."""
    short(target, tmp_path, 3, shrink=False)
