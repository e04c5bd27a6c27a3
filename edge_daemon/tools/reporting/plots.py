"""Draws a field's timeline as SVG, with matplotlib (the extra `report`)."""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edge_daemon.domain import Status
from edge_daemon.errors import ReportError
from edge_daemon.tools.reporting.timeline import Step, Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (9.0, 2.4)
"""Width and height in inches of 72 units; the page scales it."""
LINE = "#0a62b8"
INK = "#010203"
"""Stands for the colour of the page's text, which may be light or dark."""
DAY = 86_400.0
"""Seconds; matplotlib counts time in days since 1970."""
MOST_DOTS = 500
"""Readings up to which each is a dot."""
COLOURS: Mapping[Status, str] = {
    Status.LOW_CONFIDENCE: "#e69f00",
    Status.NO_DIGITS: "#b0b7bd",
    Status.WRONG_FORMAT: "#f0c419",
    Status.CUT_OFF: "#b8860b",
    Status.NOT_MONOTONE: "#d62728",
    Status.RATE_TOO_HIGH: "#e377c2",
    Status.OUT_OF_RANGE: "#8b0000",
    Status.TOO_DARK: "#4b4f8f",
    Status.TOO_BRIGHT: "#17becf",
    Status.GLARE: "#56b4e9",
    Status.BLURRED: "#7fbf9f",
    Status.OBSTRUCTED: "#8c564b",
    Status.CAMERA_MOVED: "#9467bd",
    Status.UNREADABLE: "#111111",
    Status.STALE: "#6f7a83",
    Status.DISABLED: "#9aa3aa",
}
"""Status -> the colour of its spans, in the plot and beside its name."""


def check_library() -> None:
    """Raises ReportError where matplotlib is missing: to be called before long work."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ReportError("plots need matplotlib: pip install 'edge-daemon[report]'")


def plot(timeline: Timeline, begin: float, end: float) -> str:
    """The values over time as steps, each reading as a dot, and withheld spans in their colours, as an <svg> element.

    Empty for a field without numbers. `begin` and `end` are in seconds since 1970. Raises ReportError where matplotlib
    is missing.
    """
    check_library()
    import matplotlib
    from matplotlib.figure import Figure

    if not any(step.value is not None for step in timeline.steps):
        return ""
    look = {"svg.fonttype": "none", "svg.hashsalt": timeline.name, "font.size": 9, "font.family": "sans-serif"}
    look |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    with matplotlib.rc_context(look):
        figure = Figure(figsize=SIZE, layout="constrained")
        _draw(figure.add_subplot(), timeline, begin, end)
        file = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=no_metadata)
    return re.sub(r"^.*?<svg", "<svg", file.getvalue(), flags=re.DOTALL).replace(INK, "currentColor")


def _draw(axes: Axes, timeline: Timeline, begin: float, end: float) -> None:
    from matplotlib import dates

    zone = datetime.fromtimestamp(begin).astimezone().tzinfo
    for status, spans in _bars(timeline):
        bars = [(at / DAY, length / DAY) for at, length in spans]
        colour = COLOURS[status]
        look: dict[str, Any] = {
            "facecolor": f"{colour}59",
            "edgecolor": colour,
            "linewidth": 0.6,
            "label": status.value,
        }
        axes.broken_barh(bars, (0, 1), transform=axes.get_xaxis_transform(), **look)
    times, values = zip(*_corners(timeline.steps, end), strict=True)
    axes.plot([at / DAY for at in times], values, color=LINE, linewidth=1.5, drawstyle="steps-post")
    dots = list(_dots(timeline))
    if len(dots) <= MOST_DOTS:
        axes.plot([at / DAY for at, _ in dots], [value for _, value in dots], ".", color=LINE, markersize=4)
    locator = dates.AutoDateLocator(tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlim(begin / DAY, end / DAY)
    axes.set_ylabel(timeline.unit.replace("$", r"\$"))
    axes.spines[["top", "right"]].set_visible(False)
    if timeline.spans:
        axes.figure.legend(loc="outside lower left", ncols=6, frameon=False, handlelength=1, fontsize=8)


def _bars(timeline: Timeline) -> Iterator[tuple[Status, Sequence[tuple[float, float]]]]:
    """Status -> its spans as (begin, length)."""
    for status in timeline.totals():
        yield status, [(span.begin, span.end - span.begin) for span in timeline.spans if span.status is status]


def _corners(steps: Sequence[Step], end: float) -> Iterator[tuple[float, float]]:
    """The points of the line; not a number where there is no value."""
    value = float("nan")
    for step in steps:
        value = float("nan") if step.text is None or step.value is None else float(step.value)
        yield step.at, value
    yield end, value


def _dots(timeline: Timeline) -> Iterator[tuple[float, float]]:
    """Each reading, at the value that was accepted then."""
    steps = iter([*timeline.steps, None])
    now, after = None, next(steps)
    for at in timeline.read_at:
        while after is not None and after.at <= at:
            now, after = after, next(steps)
        if now and now.text is not None and now.value is not None:
            yield at, float(now.value)
