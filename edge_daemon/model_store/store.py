"""The models at hand: versions side by side in a folder, one pointer to the one that runs, the bundled one below all.

    <state>/models/versions/0.4.0/   a manifest and the files it names, never changed once they are there
    <state>/models/active            the pointer: which version runs, which ran before, whether it is on probation
    <state>/models/refused           versions that were left, and why: never tried again by themselves

Without a pointer, and whenever what it names is damaged and what ran before is too, the bundled model runs. Every
change is one file written aside and renamed: whenever the power goes, the old or the new model is active.

The bundled model moves up when the program is upgraded. An active version that is older than it then gives way to it,
unless somebody has activated it since. Only a version of numbers, as 0.4.0 is, can be older: one with a name of its
owner's, as dock-2, stays.
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
from edge_daemon.model_store.acceptance import tried
from edge_daemon.system import atomic
from edge_daemon.system.file_lock import locked

KEPT = 4
"""So many versions stay at most, the oldest that nobody needs goes first."""


class Pointer(msgspec.Struct, frozen=True):
    """What runs. "" stands for the bundled model."""

    version: str = ""
    previous: str = ""
    probation: bool = False
    beside: str = ""
    """The bundled version when this was written: with another one, an older version gives way to that."""


@dataclass(frozen=True, slots=True)
class Version:
    """One model that could run."""

    name: str
    """Its version, such as 0.4.0."""
    manifest: Path
    bundled: bool = False
    active: bool = False
    probation: bool = False
    """It runs, and is still watched: it may be left by itself."""
    refused: str = ""
    """Why it was left; empty: it was not."""
    outdated: bool = False
    """It was the active one when the program was upgraded, and gave way to a newer bundled one."""


class Store:
    """Call from one thread. Several processes may have one each: the daemon and the command line do."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not be there yet; nothing is written before the first `add`."""
        self.folder = folder
        self._versions = folder / "versions"
        self._floor = bundled("digits")

    def add(self, source: Path) -> str:
        """Take in a model: a folder with one manifest (.json) and the files it names. Returns its version.

        Hashes and contract are checked, and the model is run in a process of its own, before it gets its place.
        What is there already, undamaged, is left as it is. Raises ModelError with a sentence, OSError for a full disk.
        """
        facts, manifest = files.facts(source)
        if facts.version == self._bundled_name():
            raise ModelError(f"{facts.version} is the version of the bundled model; a new model needs a new version")
        if facts.version in self.refused():
            raise ModelError(f"{facts.version} was refused: {self.refusals()[facts.version]}; it is not tried again")
        with self._locked(".adding"):
            there = self._versions / facts.version
            if there.exists() and not files.damage(there):
                if files.manifest(there).read_bytes() != manifest.read_bytes():
                    raise ModelError(f"{facts.version} is in the store already, with another content")
                return facts.version
            fresh = self._versions / f".new-{facts.version}"
            self._take_in(source, manifest, facts, fresh)
            with self._locked():
                shutil.rmtree(there, ignore_errors=True)  # damaged
                fresh.rename(there)
                atomic.sync_folder(self._versions)
                self._prune(facts.version)
        return facts.version

    def activate(self, version: str, again: bool = False) -> None:
        """From the next start (or reload) on this version runs, on probation unless it is the bundled one.

        `again`: also one that was refused. Raises ModelError where it is unknown, damaged or refused.
        """
        why = self.refusals().get(version)
        if why is not None and not again:
            raise ModelError(f"{version} was refused: {why}; `model activate --again` tries it all the same")
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
        """Leave the active version, never to be tried again, for the one before it. Returns the version that runs now.

        Raises ModelError when the bundled model is what runs: there is nothing below it.
        """
        with self._locked():
            now = self._pointer()
            if not now.version:
                raise ModelError("the bundled model is active: there is none before it")
            self._note_refused(self.refusals() | {now.version: why})
            back = self.before()
            self._point(Pointer("" if back.bundled else back.name, beside=self._bundled_name()))
        return back.name

    def keep(self) -> None:
        """The active version has stood its probation."""
        with self._locked():
            self._point(msgspec.structs.replace(self._pointer(), probation=False))

    MOST_DEATHS = 3
    """So often a process may die with a version on probation; power cuts look the same."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around the use of a version on probation: a process that is killed in it counts as one of its deaths."""
        marker = self.folder / "deaths"
        with suppress(OSError):  # a disk that is full: it is not counted
            marker.write_text(str(self.deaths() + 1))
        try:
            yield
        finally:
            with suppress(OSError):
                marker.unlink(missing_ok=True)

    def noticed(self, name: str) -> str | None:
        """Note which model reads. Returns the one that did at the last start, where it was another."""
        path, before = self.folder / "reads", ""
        with suppress(OSError, ValueError):  # ValueError: it is damaged, and not UTF-8
            before = path.read_text(encoding="utf-8")
        if before != name:
            with suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                path.write_text(name, encoding="utf-8")
        return before if before not in ("", name) else None

    def deaths(self) -> int:
        """How many processes have died in a row with the present version on probation."""
        with suppress(OSError, ValueError):
            return int((self.folder / "deaths").read_text())
        return 0

    def before(self) -> Version:
        """What a rollback would bring back."""
        now = self._pointer()
        fits = self._is_usable(now.previous) and not self._gives_way(now.previous, now)
        name = now.previous if fits else self._bundled_name()
        return next(version for version in self.versions() if version.name == name)

    def active(self) -> Version:
        """What the pointer names; not checked."""
        return next(version for version in self.versions() if version.active)

    def sound(self) -> tuple[Version, str]:
        """What is to run, every byte of it checked, and in a sentence why it is not the active one, or nothing.

        A damaged version gives way to the one before it, and that to the bundled one, which its loader checks.
        """
        now = self._pointer()
        if not now.version:
            return self.active(), ""
        damage = files.damage(self._versions / now.version)
        if not damage:
            return self.active(), ""
        instead = self.before()
        return instead, f"model {now.version} cannot be used, {instead.name} runs instead: {damage}"

    def outdated(self) -> str:
        """The version that would run, were it not older than the bundled one, which came after it; empty: none."""
        version = self._written().version
        return version if version not in (self._pointer().version, self._bundled_name()) else ""

    def is_behind(self, version: str) -> bool:
        """Whether it is older than the bundled one."""
        return files.is_older(version, self._bundled_name())

    def versions(self) -> list[Version]:
        """All, the bundled one first, then in the order of their coming."""
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

    def refused(self) -> set[str]:
        """Versions that were left: never tried again by themselves."""
        return set(self.refusals())

    def refusals(self) -> dict[str, str]:
        """Version -> why it was left."""
        with suppress(OSError, ValueError):
            return msgspec.json.decode((self.folder / "refused").read_bytes(), type=dict[str, str])
        return {}

    def _take_in(self, source: Path, manifest: Path, facts: DigitManifest, fresh: Path) -> None:
        """Copy and try. Raises ModelError and OSError; then nothing of it stays."""
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            for file in facts.files.values():
                atomic.write_synced(fresh / file.name, read_file(source, file))
            own = fresh / f"digits-{facts.version}.json"
            atomic.write_synced(own, manifest.read_bytes())
            atomic.sync_folder(fresh)
            tried(own)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def _prune(self, newest: str) -> None:
        now = self._pointer()
        spare = [name for name in self._names() if name not in (now.version, now.previous, newest)]
        for name in spare[: max(0, len(self._names()) - KEPT)]:
            shutil.rmtree(self._versions / name, ignore_errors=True)

    def _is_usable(self, name: str) -> bool:
        return name in self._names() and name not in self.refused() and not files.damage(self._versions / name)

    def _names(self) -> list[str]:
        """In the store, oldest first."""
        if not self._versions.is_dir():
            return []
        found = [path for path in self._versions.iterdir() if files.is_version(path.name) and path.is_dir()]
        found = [path for path in found if path.name != self._bundled_name()]  # it has come with the program since
        return [path.name for path in sorted(found, key=lambda path: (path.stat().st_mtime, path.name))]

    def _bundled_name(self) -> str:
        return self._floor.stem.removeprefix("digits-")

    def _gives_way(self, version: str, pointer: Pointer) -> bool:
        """Whether `version` came with the program since, or is older, and `pointer` was written before that came."""
        return version == self._bundled_name() or (pointer.beside != self._bundled_name() and self.is_behind(version))

    def _pointer(self) -> Pointer:
        """What counts: one to a version that gives way points to the bundled model."""
        written = self._written()
        return Pointer() if self._gives_way(written.version, written) else written

    def _written(self) -> Pointer:
        """What cannot be read points to the bundled model."""
        with suppress(OSError, ValueError):
            return msgspec.json.decode((self.folder / "active").read_bytes(), type=Pointer)
        return Pointer()

    def _point(self, pointer: Pointer) -> None:
        (self.folder / "deaths").unlink(missing_ok=True)
        atomic.write(self.folder / "active", msgspec.json.encode(pointer))

    def _note_refused(self, refused: dict[str, str]) -> None:
        atomic.write(self.folder / "refused", msgspec.json.encode(refused))

    @contextmanager
    def _locked(self, name: str = ".lock") -> Iterator[None]:
        """One at a time changes the store, the others wait. Who adds a model takes long, and holds up nobody else."""
        self._versions.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / name):
            yield
