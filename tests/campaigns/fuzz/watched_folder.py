"""One whole daemon that watches a folder, for cases of which each is some files in that folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count, cycle
from pathlib import Path

from tests.campaigns.fuzz.whole_daemon import (
    WHOLE_FRAME,
    WholeDaemon,
    configuration,
    running,
    write_picture,
    written,
)
from tests.support.brokers.mosquitto import Mosquitto, Recorder, started
from tests.support.received import readings

GOOD = ("2021", "1738")
"""In the good pictures."""


class WatchedFolder:
    """A folder, the daemon that watches it, and what that has published since a case began."""

    def __init__(self, folder: Path, broker: Mosquitto, recorder: Recorder) -> None:
        """`folder`: of the campaign; the watched one is in it. The daemon is not started yet."""
        self._folder, self._broker, self._recorder = folder, broker, recorder
        self._watched = folder / "watched"
        self._watched.mkdir()
        self._numbers, self._goods = count(), cycle(GOOD)
        self._before = 0

    def configure(self, field: str = WHOLE_FRAME) -> Path:
        """Writes the daemon's configuration, with this section for the field; returns its path."""
        return configuration(self._folder, self._broker.url, f'path = "{self._watched}"\nwatch = true', field=field)

    def begin(self) -> None:
        """From now on `texts` are those of a new case."""
        self._before = len(self._recorder.heard)

    def place(self, suffix: str = ".png") -> Path:
        """Where the next file is to be laid."""
        return self._watched / f"{next(self._numbers)}{suffix}"

    def clear(self) -> None:
        """Removes all files."""
        for path in self._watched.iterdir():
            path.unlink()

    def texts(self) -> set[str]:
        """What is in the accepted readings."""
        return {reading["text"] for reading in readings(self._recorder.heard[self._before :])}

    def read_good(self, daemon: WholeDaemon) -> float:
        """Lays a good picture and waits for its reading; returns the seconds that it took. Raises Died."""
        good = next(self._goods)
        write_picture(self.place(), written(good))
        return daemon.wait_until(lambda: good in self.texts(), f"a reading of {good}")


@contextmanager
def watching(folder: Path) -> Iterator[tuple[WatchedFolder, WholeDaemon]]:
    """One daemon for all cases. Unless it has failed, it must end well at the end: raises Died."""
    with started(folder / "mosquitto") as broker, closing(Recorder(broker.port)) as recorder:
        watched = WatchedFolder(folder, broker, recorder)
        with running(folder, watched.configure()) as daemon:
            yield watched, daemon
            if not daemon.has_failed:
                daemon.stop()
