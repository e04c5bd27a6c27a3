"""Sets up logging to stderr: for the journal under systemd, with the time of day for a person."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType

from edge_daemon.system.journal import PRIORITIES, JournalHandler

PER_MINUTE = 60
"""Lines of one kind that are logged in a minute; further ones are counted."""
_MINUTE = 60.0


class JournalFormatter(logging.Formatter):
    """`<6>message`: the journal reads the priority from the prefix and adds time and process itself."""

    def format(self, record: logging.LogRecord) -> str:
        return with_priority(super().format(record), record.levelno)


class RateLimit(logging.Filter):
    """Passes at most PER_MINUTE lines of one kind: a repeating fault must not fill the disk."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._kinds: dict[str, tuple[float, int]] = {}  # the text before its values -> since when, how many

    def filter(self, record: logging.LogRecord) -> bool:
        kind = str(record.msg)
        since, count = self._kinds.get(kind, (self._now(), 0))
        if self._now() - since >= _MINUTE:
            if count > PER_MINUTE:
                record.msg, record.args = f"{record.getMessage()} (and {count - PER_MINUTE} similar lines before)", None
            since, count = self._now(), 0
        self._kinds[kind] = since, count + 1
        return count < PER_MINUTE


def setup(verbose: bool) -> None:
    """Log to stderr: this program from INFO, or DEBUG if `verbose`; libraries from WARNING.

    An exception that ends the process is logged as well.
    """
    handler = _handler()
    if not verbose:
        handler.addFilter(RateLimit())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("edge_daemon").setLevel(logging.DEBUG if verbose else logging.INFO)
    if stderr_is_journal():
        sys.excepthook = _log_exception


def with_priority(text: str, level: int = logging.ERROR) -> str:
    """`text` with its level before each line if stderr is the journal, which takes each line as a message."""
    if not stderr_is_journal():
        return text
    return "\n".join(f"<{PRIORITIES.get(level, 6)}>{line}" for line in text.split("\n"))


def _handler() -> logging.Handler:
    if not stderr_is_journal():
        clock = "%H:%M:%S" if sys.stderr.isatty() else "%Y-%m-%d %H:%M:%S"
        return _with(logging.StreamHandler(), logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", clock))
    try:
        return _with(JournalHandler(), logging.Formatter("%(message)s"))
    except OSError:  # a sandbox without its socket: stderr leads to the journal too, but without fields
        return _with(logging.StreamHandler(), JournalFormatter("%(message)s"))


def _with(handler: logging.Handler, formatter: logging.Formatter) -> logging.Handler:
    handler.setFormatter(formatter)
    return handler


def _log_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("edge_daemon").critical("ended by an error: %s", error, exc_info=(kind, error, trace))


def stderr_is_journal() -> bool:
    """Whether stderr is the journal, see systemd.exec(5).

    JOURNAL_STREAM alone is not enough: shells and pipes started by a service inherit the variable.
    """
    try:
        stderr = os.fstat(sys.stderr.fileno())
    except OSError:  # stderr is closed, or is no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"
