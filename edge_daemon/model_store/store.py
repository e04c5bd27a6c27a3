"""The model store: versions side by side in a folder, and a pointer to the one that runs.

    <state>/models/versions/0.4.0/   a manifest and the files it names; they are never changed
    <state>/models/active            the pointer: which version runs, which ran before, whether it is on probation
    <state>/models/refused           versions that were given up, and why: they are not tried again automatically

The bundled model runs where there is no pointer, or where both versions that it names are damaged. Every change writes
a new file and renames it: after a power cut either the old or the new model is active.

An upgrade of the program may bring a newer bundled model. It then replaces an older active version, unless a person has
activated that since. Only a version that begins with numbers, such as 0.4.0, can be older; dock-2 stays active.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from edge_daemon.errors import ModelError
from edge_daemon.inference.digits import DigitManifest
from edge_daemon.inference.manifest import bundled, read_file
from edge_daemon.model_store import version as files
from edge_daemon.model_store.acceptance import accept_model
from edge_daemon.system import atomic, regular_file
from edge_daemon.system.file_lock import locked

KEPT = 4
"""Versions that stay in the store at most; the oldest one that is not needed is deleted first."""


class Pointer(msgspec.Struct, frozen=True):
    """The content of the file `active`. "" stands for the bundled model."""

    version: str = ""
    previous: str = ""
    probation: bool = False
    beside: str = ""
    """The bundled version when this was written: a newer bundled version replaces an older active one."""


@dataclass(frozen=True, slots=True)
class Version:
    """One model that could run."""

    name: str
    """Such as 0.4.0."""
    manifest: Path
    bundled: bool = False
    active: bool = False
    probation: bool = False
    """It runs, and may still be given up automatically."""
    refused: str = ""
    """Why it was given up; empty: it was not."""
    outdated: bool = False
    """It was active when an upgrade of the program brought a newer bundled version, which replaced it."""


class Store:
    """The store in one folder. Call it from one thread; several processes may use the folder at once."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist; nothing is written before the first `add`."""
        self.folder = folder
        self._versions = folder / "versions"
        self._floor = bundled("digits")

    def add(self, source: Path) -> str:
        """Copy a model into the store: a folder with one manifest (.json) and the files it names. Returns its version.

        Hashes and manifest are checked, and the model is run in a child process, before it is visible in the store. A
        version that is there already, undamaged, stays as it is. Raises ModelError, or OSError for a full disk.
        """
        facts, manifest = files.read_version(source)
        if facts.version == self._bundled_name():
            raise ModelError(f"{facts.version} is the version of the bundled model; a new model needs a new version")
        if facts.version in self.refusals():
            raise ModelError(f"{facts.version} was refused: {self.refusals()[facts.version]}; it is not tried again")
        with self._locked(".adding"):
            there = self._versions / facts.version
            if there.exists() and not files.damage(there):
                if files.find_manifest(there).read_bytes() != manifest.read_bytes():
                    raise ModelError(f"{facts.version} is in the store already, with other content")
                return facts.version
            fresh = self._versions / f".new-{facts.version}"
            self._copy_and_accept(source, manifest, facts, fresh)
            with self._locked():
                shutil.rmtree(there, ignore_errors=True)  # damaged
                fresh.rename(there)
                atomic.sync_folder(self._versions)
                self._prune(facts.version)
        return facts.version

    def activate(self, version: str, again: bool = False) -> None:
        """Make this version run from the next start or reload on, on probation unless it is the bundled one.

        `again`: also a version that was refused. Raises ModelError where it is unknown, damaged or refused.
        """
        why = self.refusals().get(version)
        if why is not None and not again:
            raise ModelError(f"{version} was refused: {why}; `model activate --again` activates it all the same")
        if version != self._bundled_name():
            if version not in self._names():
                raise ModelError(
                    f"there is no version {version}; there are {', '.join(v.name for v in self.versions())}"
                )
            if problem := files.damage(self._versions / version):
                raise ModelError(f"{version} cannot be used: {problem}")
        with self._locked():
            if why is not None:
                self._note_refused({name: why for name, why in self.refusals().items() if name != version})
            now = self._pointer()
            wanted = "" if version == self._bundled_name() else version
            if wanted != now.version:
                self._point(Pointer(wanted, now.version, bool(wanted), self._bundled_name()))

    def rollback(self, why: str = "it was rolled back by hand") -> str:
        """Return from the active version to the one before, and refuse it from now on. Returns the version that runs
        now.

        Raises ModelError when the bundled model runs: there is none before it.
        """
        with self._locked():
            now = self._pointer()
            if not now.version:
                raise ModelError("the bundled model is active: there is none before it")
            self._note_refused(self.refusals() | {now.version: why})
            previous = self.previous()
            self._point(Pointer("" if previous.bundled else previous.name, beside=self._bundled_name()))
        return previous.name

    def end_probation(self) -> None:
        """Keep the active version: it has passed its probation."""
        with self._locked():
            self._point(msgspec.structs.replace(self._pointer(), probation=False))

    MOST_DEATHS = 3
    """Deaths of the process in a row after which a version on probation is given up; a power cut counts as one."""

    @contextmanager
    def counting_deaths(self) -> Iterator[None]:
        """Around the use of a version on probation: a process that is killed inside counts as a death."""
        marker = self.folder / "deaths"
        with suppress(OSError):  # a disk that is full: it is not counted
            atomic.replace_unsynced(marker, str(self.deaths() + 1).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                marker.unlink(missing_ok=True)

    def note_model(self, name: str) -> str | None:
        """Remember which model reads. Returns the model of the last start where that was another."""
        path, before = self.folder / "reads", ""
        with suppress(OSError, ValueError):  # ValueError: it is damaged, and not UTF-8
            before = regular_file.read(path).decode()
        if before != name:
            with suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                atomic.replace_unsynced(path, name.encode())
        return before if before not in ("", name) else None

    def deaths(self) -> int:
        """How many processes in a row have died with the active version on probation."""
        with suppress(OSError, ValueError):
            return int(regular_file.read(self.folder / "deaths"))
        return 0

    def previous(self) -> Version:
        """The version to which a rollback returns."""
        now = self._pointer()
        fits = self._can_run(now.previous) and not self._is_replaced(now.previous, now)
        name = now.previous if fits else self._bundled_name()
        return next(version for version in self.versions() if version.name == name)

    def active(self) -> Version:
        """The active version; its files are not checked."""
        return next(version for version in self.versions() if version.active)

    def usable(self) -> tuple[Version, str]:
        """The version to run, every byte checked, and why it is not the active one in a sentence, or "".

        The version before replaces a damaged one; if that is damaged, too, the bundled one does, which its loader
        checks.
        """
        now = self._pointer()
        if not now.version:
            return self.active(), ""
        damage = files.damage(self._versions / now.version)
        if not damage:
            return self.active(), ""
        instead = self.previous()
        return instead, f"model {now.version} cannot be used, {instead.name} runs instead: {damage}"

    def outdated(self) -> str:
        """The version that a newer bundled one has replaced; empty: none."""
        version = self._written().version
        return version if version not in (self._pointer().version, self._bundled_name()) else ""

    def is_behind(self, version: str) -> bool:
        """Whether a version is older than the bundled one."""
        return files.is_older(version, self._bundled_name())

    def versions(self) -> list[Version]:
        """All versions: the bundled one, then the others, the oldest addition first."""
        now, refused, outdated = self._pointer(), self.refusals(), self.outdated()
        floor = Version(self._bundled_name(), self._floor, bundled=True)
        names = [*self._names(), *([now.version] if now.version not in ["", *self._names()] else [])]  # or it is gone
        known = [floor, *(Version(name, self._versions / name / f"digits-{name}.json") for name in names)]
        return [
            replace(
                version,
                active=version.name == (now.version or floor.name),
                probation=now.probation and version.name == now.version,
                refused=refused.get(version.name, ""),
                outdated=version.name == outdated,
            )
            for version in known
        ]

    def refusals(self) -> dict[str, str]:
        """Version -> why it was given up. Such a version is not tried again automatically."""
        with suppress(OSError, ValueError):
            return msgspec.json.decode(regular_file.read(self.folder / "refused"), type=dict[str, str])
        return {}

    def _copy_and_accept(self, source: Path, manifest: Path, facts: DigitManifest, fresh: Path) -> None:
        """Copy a model to `fresh` and run it. Raises ModelError or OSError, and leaves nothing then."""
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            for file in facts.files.values():
                atomic.write_synced(fresh / file.name, read_file(source, file))
            own = fresh / f"digits-{facts.version}.json"
            atomic.write_synced(own, manifest.read_bytes())
            atomic.sync_folder(fresh)
            accept_model(own)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def _prune(self, newest: str) -> None:
        now = self._pointer()
        spare = [name for name in self._names() if name not in (now.version, now.previous, newest)]
        for name in spare[: max(0, len(self._names()) - KEPT)]:
            shutil.rmtree(self._versions / name, ignore_errors=True)

    def _can_run(self, name: str) -> bool:
        return name in self._names() and name not in self.refusals() and not files.damage(self._versions / name)

    def _names(self) -> list[str]:
        """The versions in the store, the oldest addition first."""
        if not self._versions.is_dir():
            return []
        found = [path for path in self._versions.iterdir() if files.is_version(path.name) and path.is_dir()]
        found = [
            path for path in found if path.name != self._bundled_name()
        ]  # the program has brought the same version since
        return [path.name for path in sorted(found, key=lambda path: (path.stat().st_mtime, path.name))]

    def _bundled_name(self) -> str:
        return self._floor.stem.removeprefix("digits-")

    def _is_replaced(self, version: str, pointer: Pointer) -> bool:
        """Whether the bundled version replaces `version`:

        it is the same, or newer and came after `pointer` was written.
        """
        return version == self._bundled_name() or (pointer.beside != self._bundled_name() and self.is_behind(version))

    def _pointer(self) -> Pointer:
        """The pointer that counts: to the bundled model where that replaces the version in the file."""
        written = self._written()
        return Pointer() if self._is_replaced(written.version, written) else written

    def _written(self) -> Pointer:
        """The pointer in the file; to the bundled model where that cannot be read."""
        with suppress(OSError, ValueError):
            return msgspec.json.decode(regular_file.read(self.folder / "active"), type=Pointer)
        return Pointer()

    def _point(self, pointer: Pointer) -> None:
        (self.folder / "deaths").unlink(missing_ok=True)
        atomic.write(self.folder / "active", msgspec.json.encode(pointer))

    def _note_refused(self, refused: dict[str, str]) -> None:
        atomic.write(self.folder / "refused", msgspec.json.encode(refused))

    @contextmanager
    def _locked(self, name: str = ".lock") -> Iterator[None]:
        """Let one process at a time change the store. Adding takes long and has a lock of its own."""
        self._versions.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / name):
            yield
