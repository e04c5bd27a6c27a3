"""Work of a command that is too long for the path: done in a thread, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from edge_daemon.commands.on_demand import Data, Deferred
from edge_daemon.errors import CommandError, EdgeDaemonError

T = TypeVar("T")


class BackgroundWork:
    """Runs one function at a time. Called from the path's thread."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], T], finish: Callable[[T], Data]) -> Deferred:
        """Run `work` in a thread; `finish` turns its result into the answer, in the path's thread.

        Raises CommandError while an earlier one is running.
        """
        if self._thread is not None and self._thread.is_alive():
            raise CommandError("an earlier request of this kind is still being carried out; ask again")
        results: list[T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:  # it is the answer; the thread must not end the daemon
                errors.append(error)

        thread = self._thread = threading.Thread(target=run, name="command", daemon=True)
        thread.start()

        def result() -> Data | None:
            if errors:
                raise errors[0] if isinstance(errors[0], EdgeDaemonError) else CommandError(str(errors[0]))
            return finish(results[0]) if results else None

        return result
