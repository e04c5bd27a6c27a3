"""Installs the newest model from a signed folder (client.py) into the model store of this device.

The Update Framework decides what is accepted, the store what is used: it tries a model first. After an interruption at
any point the next run continues, and either the old or the new model is active.

The clock rule. Signatures expire, and a Pi that has just started may not know the time. Signatures are judged by the
system's clock, unless it is earlier than the newest time that is known to have passed: when this program was written,
or when an update was last accepted here. Then that time is used. So an unset clock does not block updates, and setting
a clock back does not make an expired signature valid again. A clock that is ahead only makes a device refuse; the
remembered time is never later than one at which a signature was valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time as system_clock

import msgspec
from msgspec.structs import replace

from edge_daemon.errors import DistrustError, EdgeDaemonError, ModelError, UpdateError
from edge_daemon.model_store.store import Store
from edge_daemon.system import atomic, regular_file
from edge_daemon.system.file_lock import locked
from edge_daemon.updates.client import Limits, Offer, UpdateClient, UpdateOptions

WRITTEN = datetime(2026, 11, 24, tzinfo=UTC)
"""No clock of a device that runs this program can rightly show an earlier time."""
BEHIND = "it is older than the model that came with the program (--again installs it all the same)"
STATE_FILE = "known"
"""Name of the file that keeps an UpdateState."""

Progress = Callable[[int, int], None]
"""Called with (bytes loaded, bytes in all)."""


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """The outcome of one run."""

    latest: str
    """The version that is offered."""
    installed: str
    """The version that runs from the next start or reload on."""
    changed: bool = False
    """Whether this run has made another version the active one."""
    why: str = ""
    """Why the offered version is not installed; empty: it is, or nobody asked for it."""


class UpdateState(msgspec.Struct, frozen=True):
    """What is remembered from one run to the next."""

    latest: str = ""
    """The version that was last offered."""
    why: str = ""
    """Why that is not used; empty: it is, or it has not been tried yet."""
    newest: float = 0.0
    """The newest time, seconds since 1970 (UTC), at which a signature was accepted."""
    unfit: str = ""
    """The mark of an offer that this program could not use, so that it is not loaded again every day."""
    error: str = ""
    """Why the last run failed; empty: it did not."""
    distrusted: bool = False
    """Whether it failed because what is served is not accepted: a person has to look at it."""


def load_state(folder: Path) -> UpdateState:
    """What the last run left; the defaults where that cannot be read."""
    with suppress(OSError, ValueError):
        return msgspec.json.decode(regular_file.read(folder / STATE_FILE), type=UpdateState)
    return UpdateState()


def verification_time(clock: datetime, state: UpdateState) -> datetime:
    """The time by which signatures are judged: see the clock rule above."""
    return max(clock, WRITTEN, datetime.fromtimestamp(state.newest, UTC))


def update(
    folder: Path,
    store: Store,
    options: UpdateOptions,
    check: bool = False,
    again: bool = False,
    progress: Progress = lambda loaded, of: None,
    limits: Limits | None = None,
    clock: Callable[[], float] = system_clock,
) -> UpdateResult:
    """Find the newest model and make it the active one; with `check` only find it.

    `folder` holds the update client's files. `again`: also install what this program could not use before. Main thread
    only. Raises UpdateError, or ModelError where the store does not accept what is offered.
    """
    with _locked(folder):
        state, offer = load_state(folder), None
        try:
            for stray in folder.glob(f".{STATE_FILE}.*"):  # of a run that was killed
                stray.unlink()
            time = verification_time(datetime.fromtimestamp(clock(), UTC), state)
            client = UpdateClient(folder, options, time, limits)
            offer = client.offer()
            version = offer.facts.version
            why = state.why if version == state.latest else ""
            state = UpdateState(version, why, time.timestamp(), state.unfit)
            _save_state(folder, state)
            if check:
                runs = store.active().name
                return UpdateResult(version, runs, why=BEHIND if store.is_behind(version) and version != runs else why)
            done = _install(store, client, offer, state, again, progress)
            _save_state(folder, replace(state, why=done.why))
            return done
        except (EdgeDaemonError, OSError) as error:
            unfit = {"unfit": offer.mark, "why": str(error)} if offer and isinstance(error, ModelError) else {}
            distrusted = isinstance(error, DistrustError)
            with suppress(OSError):  # the disk is full: that is the error which is raised
                _save_state(folder, replace(state, error=str(error), distrusted=distrusted, **unfit))
            if isinstance(error, EdgeDaemonError):
                raise
            raise UpdateError(
                f"{folder}: {error.strerror or error}; correct that, then run the update again"
            ) from error


def _install(
    store: Store, client: UpdateClient, offer: Offer, state: UpdateState, again: bool, progress: Progress
) -> UpdateResult:
    """Put what is offered into the store and activate it, unless a reason speaks against it.

    Raises UpdateError, ModelError or OSError.
    """
    version, runs = offer.facts.version, store.usable()[0].name
    manifest = {there.name: there.manifest for there in store.versions()}.get(version)
    here = manifest is not None and manifest.is_file() and manifest.read_bytes() == offer.manifest
    if here and version == runs:
        client.clear()  # where the run that installed it was killed before it did
        return UpdateResult(version, runs)
    if why := store.refusals().get(version):
        return UpdateResult(version, runs, why=f"it was refused: {why}")
    if store.is_behind(version) and not again:
        return UpdateResult(version, runs, why=BEHIND)
    if state.unfit == offer.mark and not again:
        return UpdateResult(version, runs, why=f"this program could not use it (--again tries again): {state.why}")
    if not here or not _activated(store, version):
        store.add(client.fetch(offer, progress))
        store.activate(version)
    client.clear()
    return UpdateResult(version, version, changed=True)


def _activated(store: Store, version: str) -> bool:
    """Activate a version that is in the store; False where it is damaged there."""
    try:
        store.activate(version)
    except ModelError:
        return False
    return True


def _save_state(folder: Path, state: UpdateState) -> None:
    atomic.write(folder / STATE_FILE, msgspec.json.encode(state))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one update run at a time. Raises UpdateError where another is running, or the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = locked(folder / "lock", wait=False)
        lock.__enter__()
    except BlockingIOError:
        raise UpdateError("another update is running; wait until it is done") from None
    except OSError as error:
        raise UpdateError(f"{folder}: {error.strerror}; run this as the daemon's user") from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
