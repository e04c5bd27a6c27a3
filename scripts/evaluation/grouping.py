"""Groups measured items by set and half, thins them out, and tells how far the work is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from scripts.evaluation.halves import HALVES, Half

T = TypeVar("T")
ALL_SCENES = "all scenes"
"""The name under which several sets count together."""


class Progress(Protocol):
    """Passes items on, and tells how many have been taken."""

    def __call__(self, items: Sequence[T], /) -> Iterable[T]: ...


def halved(
    items: Iterable[T], names: Callable[[T], Sequence[str]], half: Callable[[T], Half]
) -> Iterator[tuple[tuple[str, Half], list[T]]]:
    """((name, half), items) for each name in the order in which it comes first, ALL_SCENES last.

    An item may have several names. A half without items is left out.
    """
    groups: dict[str, dict[Half, list[T]]] = {}
    for item in items:
        for name in names(item):
            groups.setdefault(name, {}).setdefault(half(item), []).append(item)
    for name in sorted(groups, key=lambda name: name == ALL_SCENES):
        yield from (((name, side), groups[name][side]) for side in HALVES if side in groups[name])


def thin(items: Sequence[T], most: int | None) -> Sequence[T]:
    """About `most` of the items, evenly chosen; all of them for None."""
    return items[:: max(1, len(items) // most)][:most] if most else items


def progress(what: str) -> Progress:
    """Tells on stderr how far the work is: a counter on a terminal, elsewhere one line at the end."""

    def each(items: Sequence[T], /) -> Iterator[T]:
        began, is_terminal = time.monotonic(), sys.stderr.isatty()
        for done, item in enumerate(items, 1):
            yield item
            if is_terminal:
                print(f"\r{what} {done}/{len(items)} ", end="", file=sys.stderr, flush=True)
        took = time.monotonic() - began
        print(f"{chr(13) if is_terminal else ''}{what}: {len(items)}, {took:.0f} s", file=sys.stderr, flush=True)

    return each
