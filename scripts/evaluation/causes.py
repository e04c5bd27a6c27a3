"""Finds the causes of reading errors from the texts alone: the truth of most sets has no boxes.

Written and read numbers, both in reading order, are aligned as sequences (Needleman and Wunsch, 1970). A written
number is aligned with the same number, with another one (wrong, missing or extra digit), with several that spell it
(wrongly split), with one that spells several (wrongly joined), or with nothing (not found). A read number aligned with
nothing is false. A number that is missing in one place and read in another is in the wrong order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from scripts.evaluation.scores import Scored, edits

CONFUSED = ("wrong digit", "missing digit", "extra digit")
"""How one number differs from another."""
CAUSES = ("not found", "wrongly split", "wrongly joined", *CONFUSED, "wrong order", "false number")
MOST = 4
"""Most parts into which one number may be split."""
ALONE, RESHAPED, OTHER = 0.6, 0.3, 0.2
"""Costs: of a number aligned with nothing; of a split or join; of two different numbers (plus their edit distance)."""

Step = tuple[str, tuple[str, ...], tuple[str, ...]]
"""(cause or "", written numbers, read numbers)."""


def count(pictures: Iterable[Scored]) -> Counter[str]:
    """Number of written numbers lost by each cause, and of false numbers ("false number")."""
    found: Counter[str] = Counter()
    for picture in pictures:
        for cause, written, _ in explain(picture.truth, picture.read):
            found[cause] += len(written) or 1
    del found[""]
    return found


def explain(truth: Sequence[str], read: Sequence[str]) -> list[Step]:
    """The alignment in reading order, with a cause for each wrong step."""
    steps = list(align(truth, read))
    missed = Counter(w for cause, written, _ in steps for w in written if cause == "not found")
    strays = Counter(s for cause, _, spoken in steps for s in spoken if cause == "false number")
    moved = missed & strays
    ordered = []
    for cause, written, spoken in steps:
        text = (written or spoken)[0]
        if cause in ("not found", "false number") and text in moved:
            if cause == "not found":
                ordered.append(("wrong order", written, spoken))
            continue
        ordered.append((cause, written, spoken))
    return ordered


def confusion(truth: str, read: str) -> str:
    """How the number that was read differs from the written one: one of CONFUSED."""
    if len(read) == len(truth):
        return "wrong digit"
    return "missing digit" if len(read) < len(truth) else "extra digit"


def align(truth: Sequence[str], read: Sequence[str]) -> Iterator[Step]:
    """The alignment with the lowest cost."""
    best: list[list[tuple[float, Step | None]]] = [[(math.inf, None)] * (len(read) + 1) for _ in range(len(truth) + 1)]
    best[0][0] = (0.0, None)
    for i in range(len(truth) + 1):
        for j in range(len(read) + 1):
            for price, step in ways_on(truth, read, i, j):
                here = best[i + len(step[1])][j + len(step[2])]
                if best[i][j][0] + price < here[0]:
                    best[i + len(step[1])][j + len(step[2])] = (best[i][j][0] + price, step)
    steps: list[Step] = []
    i, j = len(truth), len(read)
    while (last := best[i][j][1]) is not None:
        steps.append(last)
        i, j = i - len(last[1]), j - len(last[2])
    return reversed(steps)


def ways_on(truth: Sequence[str], read: Sequence[str], i: int, j: int) -> Iterator[tuple[float, Step]]:
    """Possible next steps after i written and j read numbers, with their costs."""
    if i < len(truth):
        yield ALONE, ("not found", (truth[i],), ())
    if j < len(read):
        yield ALONE, ("false number", (), (read[j],))
    if i == len(truth) or j == len(read):
        return
    if truth[i] == read[j]:
        yield 0.0, ("", (truth[i],), (read[j],))
    else:
        off = edits(truth[i], read[j]) / max(len(truth[i]), len(read[j]))
        yield OTHER + off * (2 * ALONE - OTHER), (confusion(truth[i], read[j]), (truth[i],), (read[j],))
    for many in range(2, MOST + 1):
        if "".join(read[j : j + many]) == truth[i] and j + many <= len(read):
            yield RESHAPED, ("wrongly split", (truth[i],), tuple(read[j : j + many]))
        if "".join(truth[i : i + many]) == read[j] and i + many <= len(truth):
            yield RESHAPED, ("wrongly joined", tuple(truth[i : i + many]), (read[j],))
