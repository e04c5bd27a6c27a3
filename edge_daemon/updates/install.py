"""Updates by URL, on the device: a newer model from a signed folder (repository.py) into the model store.

What is believed is decided by The Update Framework, what is used by the store, which tries a model first. Interrupted
at any point, the next run goes on, and the old or the new model is active.

The clock rule. Signatures run out, and a Pi that has just started may not know what time it is. They are judged by the
system's clock, unless that lies before the newest time this device is sure of: when this program was written, or when
an update was last believed here. Then they are judged by that time. So an unset clock does not keep a device from
updates, and setting a clock back does not bring what has run out to life again. A clock that is ahead only makes a
device refuse; what it takes for the newest time is never later than what was signed to hold then.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time as system_clock
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from edge_daemon.errors import DistrustError, EdgeDaemonError, ModelError, UpdateError
from edge_daemon.model_store.store import Store
from edge_daemon.system import atomic
from edge_daemon.updates.client import Offer, Options, Repository

if TYPE_CHECKING:
    from edge_daemon.updates.fetcher import Limits

WRITTEN = datetime(2026, 11, 24, tzinfo=UTC)
"""No clock of a device that runs this program can rightly show an earlier time."""
BEHIND = "it is older than the model that came with the program (--again takes it all the same)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an update went."""

    latest: str
    """The version that is offered,"""
    installed: str
    """and the one that runs from the next start or reload on."""
    changed: bool = False
    why: str = ""
    """Why what is offered is not installed; empty where it is, or was not asked for."""


class Known(msgspec.Struct, frozen=True):
    """What outlasts a run."""

    latest: str = ""
    """The version that was last offered."""
    why: str = ""
    """Why that is not used; empty: it is, or has yet to be tried."""
    newest: float = 0.0
    """The newest time, seconds since 1970 (UTC), at which an update was believed."""
    unfit: str = ""
    """What this program could not use, so that it is not loaded again every day: its manifest's hash, and the program's
    version."""
    error: str = ""
    """Why the last run failed; empty: it did not."""
    distrusted: bool = False
    """Whether that was because what is served is not believed: somebody has to look after it."""


def known(folder: Path) -> Known:
    """What the last run left; nothing where that cannot be read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / "known").read_bytes(), type=Known)
    return Known()


def judged_at(clock: datetime, before: Known) -> datetime:
    """The time by which signatures are judged: see the clock rule above."""
    return max(clock, WRITTEN, datetime.fromtimestamp(before.newest, UTC))


def update(
    folder: Path,
    store: Store,
    options: Options,
    check: bool = False,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda loaded, of: None,
    limits: Limits | None = None,
    clock: Callable[[], float] = system_clock,
) -> Outcome:
    """Look for a newer model; unless it is only to `check`, put it into the store and make it the active one.

    `folder` is where the update client keeps its things. `again`: also what this program could not use before.
    `progress` hears of bytes loaded and bytes in all. In the main thread only. Raises UpdateError, or ModelError where
    the store does not take what is offered.
    """
    with _alone(folder):
        before, offer = known(folder), None
        try:
            for stray in folder.glob(".known.*"):  # of a run that was killed
                stray.unlink()
            time = judged_at(datetime.fromtimestamp(clock(), UTC), before)
            with closing(Repository(folder, options, time, limits)) as repository:
                offer = repository.offer()
                version = offer.facts.version
                why = before.why if version == before.latest else ""
                before = Known(version, why, time.timestamp(), before.unfit)
                _remember(folder, before)
                if check:
                    runs = store.active().name
                    return Outcome(version, runs, why=BEHIND if store.is_behind(version) and version != runs else why)
                done = _install(store, repository, offer, before, again, progress)
            _remember(folder, replace(before, why=done.why))
            return done
        except (EdgeDaemonError, OSError) as error:
            unfit = {"unfit": offer.mark, "why": str(error)} if offer and isinstance(error, ModelError) else {}
            distrusted = isinstance(error, DistrustError)
            with suppress(OSError):  # the disk is full: that is what is being told
                _remember(folder, replace(before, error=str(error), distrusted=distrusted, **unfit))
            if isinstance(error, EdgeDaemonError):
                raise
            raise UpdateError(f"{folder}: {error.strerror or error}; the update goes on when that is mended") from error


def _install(
    store: Store,
    repository: Repository,
    offer: Offer,
    before: Known,
    again: bool,
    progress: Callable[[int, int], None],
) -> Outcome:
    """Raises UpdateError, ModelError or OSError."""
    version, runs = offer.facts.version, store.sound()[0].name
    manifest = {there.name: there.manifest for there in store.versions()}.get(version)
    here = manifest is not None and manifest.is_file() and manifest.read_bytes() == offer.manifest
    if here and version == runs:
        repository.clear()  # where the run that installed it was killed before it did
        return Outcome(version, runs)
    if why := store.refusals().get(version):
        return Outcome(version, runs, why=f"it was refused: {why}")
    if store.is_behind(version) and not again:
        return Outcome(version, runs, why=BEHIND)
    if before.unfit == offer.mark and not again:
        return Outcome(version, runs, why=f"this program could not use it (--again tries again): {before.why}")
    if not here or not _can_run(store, version):
        store.add(repository.fetch(offer, progress))
        store.activate(version)
    repository.clear()
    return Outcome(version, version, changed=True)


def _can_run(store: Store, version: str) -> bool:
    """Whether it is the active one now, as it lies in the store; damaged, it is not."""
    try:
        store.activate(version)
    except ModelError:
        return False
    return True


def _remember(folder: Path, what: Known) -> None:
    atomic.write(folder / "known", msgspec.json.encode(what))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One update at a time. Raises UpdateError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise UpdateError(f"{folder}: {error.strerror}; run this as the daemon's user") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UpdateError("another update is at work; wait for it") from None
    finally:
        os.close(handle)
