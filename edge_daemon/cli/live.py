"""A table in the terminal that is redrawn in place: `edge-daemon watch` for eyes."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

import click

from edge_daemon.domain import Status
from edge_daemon.tools.board import NOT_READ, Board, Row
from edge_daemon.tools.watch import Payload

HEADINGS = Row("field", "value", "read", "sure", "status", "last hour")
GAP = "   "
TO_START = "\x1b[{}F"
"""Terminal code: go up by so many lines, to the start of the line."""
TO_END = "\x1b[J"
"""Terminal code: clear everything from here on."""


def is_wanted() -> bool:
    """Whether the output is a terminal that can go back to a line."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def show(rounds: Iterable[Iterable[tuple[str, Payload]]]) -> None:
    """Draw the fields, as long as there are rounds of messages (see tools.watch.rounds)."""
    board, notes, drawn = Board(), _Notes(), 0
    logging.getLogger().handlers = [notes]  # a line of the log between two drawings would push the table apart
    before: list[str] = []
    for messages in rounds:
        for topic, payload in messages:
            board.take(topic, payload)
            notes.newest = ""  # it is connected again
        size = shutil.get_terminal_size()
        lines = list(table(list(board.rows(time.time())), [notes.newest or board.newest_event], size))
        if lines != before:
            sys.stdout.write((TO_START.format(drawn) if drawn else "") + TO_END + "\n".join(lines) + "\n")
            sys.stdout.flush()
            before, drawn = lines, len(lines)


class _Notes(logging.Handler):
    """The newest line of the log."""

    newest = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it instead of the one before."""
        self.newest = record.getMessage()


def table(rows: Sequence[Row], notes: Sequence[str], size: os.terminal_size) -> Iterator[str]:
    """The lines of the table, none longer than the terminal is wide, together fewer than it is high."""
    if not rows:
        yield "waiting for readings"[: size.columns]
    else:
        most = max(1, size.lines - 4 - len(notes))
        shown = [HEADINGS, *rows[:most]]
        widths = [max(len(row[column]) for row in shown) for column in range(len(HEADINGS))]
        yield _line(HEADINGS, widths, size.columns, dict.fromkeys(range(len(HEADINGS)), "bright_black"))
        for row in shown[1:]:
            yield _line(row, widths, size.columns, {4: colour(row.status)})
        if len(rows) > most:
            yield f"and {len(rows) - most} more"[: size.columns]
    for note in filter(None, notes):
        yield _coloured(note[: size.columns], "bright_black")


def colour(status: str) -> str:
    """Green: ok. Red: the field is not read. Yellow: what was read is withheld."""
    return "green" if status == Status.OK else "red" if status in NOT_READ else "yellow"


def _line(row: Row, widths: Sequence[int], room: int, colours: dict[int, str]) -> str:
    line = ""
    for column, (text, width) in enumerate(zip(row, widths, strict=True)):
        left = column in (0, 4, 5)  # values and times end in one column, so that digits stand below each other
        cell = (text.ljust(width) if left else text.rjust(width)) + GAP
        line += _coloured(cell[: max(0, room)], colours.get(column))
        room -= len(cell)
    return line


def _coloured(text: str, name: str | None) -> str:
    """In colour, unless the person does not want any (no-color.org)."""
    return click.style(text, fg=name) if name and text and not os.environ.get("NO_COLOR") else text
