"""`edge-daemon watch` in a real terminal (a pty), as a terminal emulator shows it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyte

from edge_daemon.cli.live import table
from edge_daemon.domain import Entry, Message, Status
from edge_daemon.mqtt import messages
from edge_daemon.tools.board import Row
from tests.support.brokers.mosquitto import PATIENCE, Mosquitto, Recorder
from tests.support.records import reading


def message(value: int, **changes: object) -> Message:
    record = reading(value, captured_at=time.time(), value_at=time.time(), **changes)
    return messages.encode_record("dock3", "value", Entry(7, "dock3/b7c1f00d/7", True, record), False)


class Terminal:
    """A terminal emulator that shows what a program writes."""

    def __init__(self, file: int, columns: int, lines: int) -> None:
        self._file = file
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def wait_for(self, true: Callable[[list[str]], object]) -> list[str]:
        """The lines as soon as something is true of them."""
        end = time.monotonic() + PATIENCE
        while not true(self.lines):
            assert select.select([self._file], [], [], end - time.monotonic())[0], self.lines
            self._stream.feed(os.read(self._file, 65_536))
        return self.lines

    def colours(self, line: int) -> set[str]:
        """The colours of the letters in a line."""
        return {cell.fg for cell in self.screen.buffer[line].values() if cell.data.strip()}


@contextmanager
def watching(broker: Mosquitto, columns: int = 80, lines: int = 24, **environment: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    command = [sys.executable, "-m", "edge_daemon", "watch", "--broker", broker.url]
    env = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env | {"TERM": "xterm"} | environment) as process:
        os.close(theirs)
        try:
            yield Terminal(ours, columns, lines)
        finally:
            process.kill()
    os.close(ours)


def test_a_field_is_redrawn_in_its_line(broker: Mosquitto, recorder: Recorder) -> None:
    """A new value takes the place of the old one; the status is green while it is ok, and yellow when it is withheld.

    Also after the broker was away, which is told below the table.
    """
    recorder.say(message(1))
    with watching(broker) as terminal:
        terminal.wait_for(lambda lines: len(lines) == 2 and "00001 pcs" in lines[1])
        assert "green" in terminal.colours(1)
        recorder.say(message(2, status=Status.NOT_MONOTONE))
        [headings, field] = terminal.wait_for(lambda lines: "00002 pcs" in str(lines))
        assert headings.split()[:5] == ["field", "value", "read", "sure", "status"]
        assert (field.split()[0], "not_monotone" in field) == ("units", True)
        assert "brown" in terminal.colours(1)  # as the emulator calls yellow
        broker.restart()
        terminal.wait_for(lambda lines: "is lost" in lines[-1] and len(lines) == 3)
        recorder.say(message(3))
        terminal.wait_for(lambda lines: len(lines) == 2 and "00003 pcs" in lines[1])


def test_no_colour_where_none_is_wanted(broker: Mosquitto, recorder: Recorder) -> None:
    """NO_COLOR, as no-color.org has it; the table is the same."""
    recorder.say(message(1))
    with watching(broker, NO_COLOR="1") as terminal:
        terminal.wait_for(lambda lines: "00001 pcs" in str(lines))
        assert terminal.colours(0) | terminal.colours(1) == {"default"}


def test_a_small_terminal(broker: Mosquitto, recorder: Recorder) -> None:
    """Lines are cut, not wrapped, and fields that have no room are counted: the table can be redrawn in place."""
    for number in range(9):
        recorder.say(message(number, field=f"field-{number}"))
    with watching(broker, columns=30, lines=8) as terminal:
        lines = terminal.wait_for(lambda lines: lines[-1:] == ["and 6 more"])
        assert [line.split()[0] for line in lines] == ["field", "field-0", "field-1", "field-2", "and"]


def test_no_line_is_longer_than_the_terminal() -> None:
    """At any width, also where the cut falls into the colour."""
    row = Row("units", "4615 pcs", "12 s ago", "98%", "not_monotone", "▁▂▃")
    for columns in range(1, 90):
        screen = pyte.Screen(columns, 20)
        pyte.Stream(screen).feed("\r\n".join(table([row], ["a note"], os.terminal_size((columns, 20)))))
        assert sum(bool(line.strip()) for line in screen.display) == 3
