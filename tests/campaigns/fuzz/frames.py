"""The pictures of `pictures` as frames of the whole process, with regions, formats and rules of every kind.

One daemon watches a folder. For each case its configuration is loaded again, some pictures are laid into the folder,
and only what is written on them may be published. Then, with a usual configuration, the next good picture is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from hypothesis import strategies as st

from tests.campaigns.fuzz.campaign import Check, Target, Wrong
from tests.campaigns.fuzz.pictures import SIZES, Page, Region, drawn, is_true, page_as_large_as, pages
from tests.campaigns.fuzz.watched_folder import GOOD, watching
from tests.campaigns.fuzz.whole_daemon import LOOKED_AT, WHOLE_FRAME, write_picture

TOGETHER = 16
"""Sizes that are laid into the folder with one configuration."""

rules = st.sampled_from(
    ["", "", "min = 100\n", "max = 5000\n", "min = -5\nmax = 50\n", "monotone = true\n", 'max_rate = "3/min"\n']
)


@dataclass(frozen=True)
class Frames:
    """What one configuration sees, one picture after the other."""

    region: Region | None
    format: str
    rules: str
    pages: Sequence[Page]

    def field(self) -> str:
        """The field's section of the configuration; "": the whole frame is searched."""
        if self.region is None:
            return ""
        wanted = f"format = {json.dumps(self.format)}\n" if self.format else ""
        return f'[[field]]\nname = "f"\nregion = {list(self.region)}\nsettle = "0.2s"\n{wanted}{self.rules}'


@st.composite
def drawn_frames(draw: st.DrawFn) -> Frames:
    """Region and format belong to the first page: only there signs stand that the format has."""
    first = draw(pages())
    others = draw(st.lists(pages().filter(lambda page: "-" not in page.text), max_size=2))
    return Frames(first.region, first.format, draw(rules), [first, *others])


def all_sizes() -> list[Frames]:
    """Every size from 1 x 1 to 128 x 64, with the whole picture as field and without one."""
    whole = [page for page in map(page_as_large_as, SIZES) if page.region]
    without = [page for page in map(page_as_large_as, SIZES) if not page.region]
    starts = range(0, len(whole), TOGETHER)
    return [Frames(some[at].region, "", "", some[at : at + TOGETHER]) for at in starts for some in (whole, without)]


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    """One daemon for all cases."""
    with watching(folder) as (watched, daemon):

        def use(field: str) -> None:
            watched.clear()
            watched.configure(field)
            daemon.reload()

        def check(case: Frames) -> float:
            daemon.revive()
            use(case.field())
            watched.begin()
            for page in case.pages:
                write_picture(watched.place(), drawn(page))
                sleep(LOOKED_AT)
            use(WHOLE_FRAME)
            seconds = watched.read_good(daemon)
            for text in watched.texts() - {*GOOD}:
                if not any(is_true(text, page) for page in case.pages):
                    raise Wrong(f"{text!r} is published")
            return seconds

        yield check


DRAWN = Target(drawn_frames(), checking)
SWEEP = Target(st.nothing(), checking, all_sizes())
