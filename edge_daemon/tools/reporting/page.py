"""One HTML file that shows what happened: for each field a plot of its values, and what was withheld, with why.

It contains everything it needs: no script, no request to any other place.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from edge_daemon.domain import Status
from edge_daemon.errors import ReportError
from edge_daemon.images import data_url
from edge_daemon.tools.explain import WHY
from edge_daemon.tools.reporting.plots import COLOURS, plot
from edge_daemon.tools.reporting.timeline import BREAKS_A_RULE, Span, Step, Timeline

MOST_ROWS = 200
"""Rows of a table; what is older is counted."""

Pictures = Mapping[tuple[str, float], bytes]
"""(field, `captured_at` of a reading) -> what the field looked like then, as PNG."""


@dataclass(frozen=True)
class Report:
    """What a page shows; times are in seconds since 1970."""

    title: str
    begin: float
    end: float
    timelines: Sequence[Timeline]
    pictures: Pictures = field(default_factory=dict)


def write(folder: Path, report: Report) -> Path:
    """Write the page as index.html into `folder`, which is made where it is missing. Raises ReportError."""
    text = page(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "index.html"
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{folder}: cannot be written: {error.strerror}") from None
    return path


def page(report: Report) -> str:
    """The whole page. Raises ReportError where the library for plots is missing."""
    zone = datetime.fromtimestamp(report.begin).astimezone().tzinfo
    title = html.escape(report.title)
    parts = [_HEAD.replace("TITLE", title), f"<h1>{title}</h1>"]
    parts.append(f"<p>{_day(report.begin, zone)} to {_day(report.end, zone)}</p>")
    if not report.timelines:
        parts.append("<p>Nothing was published in this time.</p>")
    for timeline in report.timelines:
        parts += _field(timeline, report, zone)
    return "\n".join([*parts, "</main></html>\n"])


def _field(timeline: Timeline, report: Report, zone: tzinfo | None) -> Iterator[str]:
    yield f"<section><h2>{html.escape(timeline.name)}</h2><p>{html.escape(summary(timeline, report))}</p>"
    if drawing := plot(timeline, report.begin, report.end):
        yield f'<div class=plot role=img aria-label="{html.escape(summary(timeline, report))}">{drawing}</div>'
    if timeline.spans:
        yield "<h3>Withheld</h3>" + _totals(timeline) + _spans(timeline, report, zone)
    if not drawing or len(timeline.steps) > 1:
        yield _values(timeline.steps, zone)
    yield "</section>"


def summary(timeline: Timeline, report: Report) -> str:
    """A field in one sentence. The time counts from its first reading."""
    texts = [step.text for step in timeline.steps if step.text is not None]
    unit = f" {timeline.unit}" if timeline.unit else ""
    if not texts:
        values = "no value was accepted"
    elif len(texts) == 1:
        values = f"{texts[0]}{unit}, unchanged"
    else:
        values = f"from {texts[0]} to {texts[-1]}{unit}, {len(texts) - 1} {'change' if len(texts) == 2 else 'changes'}"
    held = sum(length for _, length in timeline.totals().values())
    known = report.end - timeline.steps[0].at
    return values + (f"; withheld {held / known:.1%} of the time" if held else "; never withheld")


def _totals(timeline: Timeline) -> str:
    rows = "".join(
        f"<tr><td>{_label(status)}<td>{count} {'time' if count == 1 else 'times'}<td>{duration(length)}"
        f"<td>{html.escape(WHY[status])}"
        for status, (count, length) in timeline.totals().items()
    )
    return f"<table><thead><tr><th>status<th>how often<th>altogether<th>why</thead><tbody>{rows}</tbody></table>"


def _spans(timeline: Timeline, report: Report, zone: tzinfo | None) -> str:
    shown = timeline.spans[-MOST_ROWS:]
    rows = "".join(_span(timeline, span, report, zone) for span in shown)
    earlier = len(timeline.spans) - len(shown)
    more = f"<p>{earlier} earlier ones are not shown.</p>" if earlier else ""
    head = "<tr><th>from<th>for<th>status<th>read<th>then" + ("<th>picture" if report.pictures else "")
    return (
        f"<details open><summary>Each time ({len(timeline.spans)})</summary>{more}"
        f"<table><thead>{head}</thead><tbody>{rows}</tbody></table></details>"
    )


def _span(timeline: Timeline, span: Span, report: Report, zone: tzinfo | None) -> str:
    picture = report.pictures.get((timeline.name, span.read_at))
    shown = f"<td><img alt='the field then' src='{data_url(picture, 'png')}'>" if picture else ""
    cells = (_time(span.begin, zone), duration(span.end - span.begin), _label(span.status), html.escape(span.seen))
    return (
        "<tr>"
        + "".join(f"<td>{cell}" for cell in cells)
        + f"<td>{html.escape(outcome(timeline, span, report.end))}{shown}"
    )


def outcome(timeline: Timeline, span: Span, end: float) -> str:
    """What came of it: what a rule withheld was accepted, or something else was, or nothing."""
    after = [step.text for step in timeline.steps if step.at == span.end]
    if after and after[0] is not None:
        again = span.status in BREAKS_A_RULE and after[0] == span.seen
        return "accepted: it stayed" if again else f"{after[0]} accepted"
    return "still so at the end" if span.end >= end else "the value before was kept"


def _values(steps: Sequence[Step], zone: tzinfo | None) -> str:
    rows = "".join(
        f"<tr><td>{_time(step.at, zone)}<td>{html.escape('-' if step.text is None else step.text)}"
        for step in steps[-MOST_ROWS:]
    )
    return (
        f"<details><summary>Accepted values ({len(steps)})</summary>"
        f"<table><thead><tr><th>from<th>value</thead><tbody>{rows}</tbody></table></details>"
    )


def _label(status: Status) -> str:
    return f"<i style='background:{COLOURS[status]}'></i>{status.value}"


def duration(seconds: float) -> str:
    """45 -> "45 s", 600 -> "10 min", 5400 -> "1 h 30 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0))


def _time(at: float, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%a %H:%M:%S")


def _day(at: float, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%A %d %B %Y, %H:%M:%S")


_HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>TITLE</title>
<meta name=viewport content="width=device-width">
<meta http-equiv=Content-Security-Policy content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; --line: #c9cfd4; --card: #fff; --paper: #fbfaf7; --ink: #1d2327 }
@media (prefers-color-scheme: dark) { :root { --line: #414b52; --card: #1e2428; --paper: #14181b; --ink: #eceff1 } }
body { margin: 0 auto; padding: 0 1rem 2rem; max-width: 64rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .2rem 1rem 1rem;
  margin: 1rem 0; overflow-x: auto }
h1 { font-size: 1.4rem } h2 { font-size: 1.2rem; margin: .6rem 0 0 } h3 { font-size: 1rem; margin: .8rem 0 .2rem }
.plot svg { width: 100%; height: auto } summary { cursor: pointer; margin: .6rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td:has(i), th { white-space: nowrap }
th, td { text-align: left; padding: .15rem 1rem .15rem 0; border-bottom: 1px solid var(--line); vertical-align: middle }
i { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: .2em; opacity: .7 }
img { max-height: 3.5rem; max-width: 14rem; display: block }
</style><main>"""
