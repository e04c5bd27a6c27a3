"""Logging to stderr: in journald's form under systemd, with a time of day for a person."""

from __future__ import annotations

import logging
import os
import sys

PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""Our levels as syslog's, see sd-daemon(3)."""


class JournalFormatter(logging.Formatter):
    """`<6>message`: the journal reads the priority from the prefix and adds time and process itself."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{PRIORITIES.get(record.levelno, 6)}>"
        # the journal takes every line for a message of its own: a traceback keeps its priority to the end
        return "\n".join(prefix + line for line in super().format(record).split("\n"))


def setup(verbose: bool) -> None:
    """Log to stderr: our messages from INFO, or from DEBUG when `verbose`; other libraries' from WARNING."""
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("edge_daemon").setLevel(logging.DEBUG if verbose else logging.INFO)


def _formatter() -> logging.Formatter:
    if _stderr_is_journal():
        return JournalFormatter("%(message)s")
    clock = "%H:%M:%S" if sys.stderr.isatty() else "%Y-%m-%d %H:%M:%S"
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", clock)


def _stderr_is_journal() -> bool:
    """Whether stderr itself leads to the journal, see systemd.exec(5).

    JOURNAL_STREAM alone does not say so: shells and pipes started below a service inherit the variable.
    """
    try:
        stderr = os.fstat(sys.stderr.fileno())
    except OSError:  # stderr is closed, or is no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"
