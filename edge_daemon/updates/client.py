"""What a device sees of the signed folder that is served (publish.py): the newest model, and its files.

What is believed is decided by The Update Framework (theupdateframework.io), whose client keeps what it has seen in
`metadata/`: only what the keys in the root file have signed, nothing older than what was seen before, nothing after its
time. The files arrive in `incoming/`, where what broke off waits. Needs the extra `updates` when it is used.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from edge_daemon import __version__
from edge_daemon.errors import DistrustError, ModelError, UpdateError
from edge_daemon.inference.interpreter import LARGEST_MODEL, Manifest, decode
from edge_daemon.system import atomic
from edge_daemon.system.units import Duration

if TYPE_CHECKING:
    from tuf.ngclient import Updater

    from edge_daemon.updates.fetcher import Limits

MODEL = "model.json"
"""Under this name the manifest of the newest model is served, whatever the model is called."""
LARGEST_MANIFEST = 1_000_000
SPARE = 16_000_000
"""Bytes that stay free on the disk whatever is downloaded."""


@dataclass(frozen=True, slots=True)
class Options:
    """The table [updates]."""

    url: str = ""
    """The folder that `edge-daemon model publish` made, on a web server. Empty: no updates."""
    root: str = "/etc/edge-daemon/root.json"
    """The file that says whose signatures count; it comes with the keys, and must come by a way that is trusted."""
    every: Annotated[float, Duration("10m", "90d", or_never=True)] = 86_400.0
    """Seconds between two looks of a running daemon, give or take a tenth. 0: only when asked to."""
    automatic: bool = True
    """Whether a newer model is installed when it is found; otherwise only when asked for."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The newest model, as far as its manifest tells."""

    facts: Manifest
    manifest: bytes

    @property
    def mark(self) -> str:
        return f"{hashlib.sha256(self.manifest).hexdigest()} {__version__}"


class Repository:
    """The Update Framework's client, for one run."""

    def __init__(self, folder: Path, options: Options, time: datetime, limits: Limits | None = None) -> None:
        """Raises UpdateError where the root file cannot be used, or the extra `updates` is not installed."""
        try:
            from tuf.api.exceptions import RepositoryError
            from tuf.ngclient import Updater, UpdaterConfig

            from edge_daemon.updates.fetcher import Fetcher, Limits
        except ImportError as error:
            raise UpdateError(f"updates need more packages ({error}): pip install 'edge-daemon[updates]'") from error
        self.time = time
        self._folder, self._url, self._limits = folder, options.url.rstrip("/"), limits or Limits()
        self._fetcher = Fetcher(folder, self._limits)
        (folder / "metadata").mkdir(exist_ok=True)
        for stray in [*(folder / "metadata").glob("tmp*"), *folder.glob("*.part")]:  # of a run that was killed
            stray.unlink()
        small = UpdaterConfig(max_root_rotations=64, root_max_length=100_000, timestamp_max_length=10_000,
                              snapshot_max_length=100_000, targets_max_length=1_000_000)  # fmt: skip
        try:
            root = Path(options.root).expanduser().read_bytes()
        except OSError as error:
            raise UpdateError(f"{options.root}: {error.strerror}; copy root.json there, from who publishes") from error
        try:
            self._tuf: Updater = Updater(
                str(folder / "metadata"), f"{self._url}/metadata", str(folder), f"{self._url}/targets", self._fetcher,
                small, bootstrap=root,
            )  # fmt: skip
        except RepositoryError as error:
            raise UpdateError(f"{options.root} is no root file ({error}); copy root.json from who publishes") from error
        # python-tuf has no public way to say by what time to judge; a test holds that this one is heeded
        self._tuf._trusted_set.reference_time = time

    def offer(self) -> Offer:
        """What is the newest model. Raises UpdateError, or ModelError where its manifest is none."""
        with self._told():
            self._tuf.refresh()
            path = self._target(MODEL, LARGEST_MANIFEST, self._folder)
        facts = decode(path, Manifest)
        servable(facts)
        return Offer(facts, path.read_bytes())

    def fetch(self, offer: Offer, progress: Callable[[int, int], None]) -> Path:
        """All files of a model, in a folder that the store takes. Raises UpdateError, or OSError for the disk."""
        incoming = self._folder / "incoming"
        folder = incoming / hashlib.sha256(offer.manifest).hexdigest()[:16]
        for other in incoming.glob("*"):
            if other != folder:
                shutil.rmtree(other)
        folder.mkdir(parents=True, exist_ok=True)
        size, loaded, shown = offer.facts.size, 0, 0
        # once for what is downloaded, once more in the store
        if size > LARGEST_MODEL or (free := shutil.disk_usage(folder).free) < 2 * size + SPARE:
            most = f"at most {LARGEST_MODEL // 10**6} MB are taken"
            room = f"{free // 10**6} MB are free" if size <= LARGEST_MODEL else most
            raise UpdateError(f"{offer.facts.version} has {size / 10**6:.1f} MB; {room}")

        def count(some: int) -> None:
            nonlocal loaded, shown
            loaded += some
            shown = max(shown, loaded)  # what begins anew does not go back for who looks on
            progress(shown, size)

        self._fetcher.folder, self._fetcher.loaded = folder, count
        with self._told():
            for file in offer.facts.files.values():
                self._target(file.name, file.bytes, folder)
        atomic.write(folder / f"{offer.facts.name}-{offer.facts.version}.json", offer.manifest)
        return folder

    def close(self) -> None:
        self._fetcher.close()

    def clear(self) -> None:
        """What was fetched is in the store now."""
        shutil.rmtree(self._folder / "incoming", ignore_errors=True)

    def _target(self, path: str, most: int, folder: Path) -> Path:
        """The file of that name, downloaded where it is not here yet; not more than so many bytes of it."""
        found = self._tuf.get_targetinfo(path)
        if found is None or found.length > most:
            wrong = f"has {found.length} bytes, not {most}" if found else "is not signed"
            raise UpdateError(f"{self._url}: {path} {wrong}; publish the model again")
        here = folder / path
        if self._tuf.find_cached_target(found, str(here)):
            self._fetcher.loaded(found.length)
        else:
            self._tuf.download_target(found, str(here))
        return here

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Within the time that a run may take; what goes wrong becomes a sentence."""
        from tuf.api import exceptions as tuf

        from edge_daemon.updates.fetcher import within

        try:
            with within(self._limits.longest):
                yield
        except tuf.DownloadHTTPError as error:
            what = "is it the folder that `edge-daemon model publish` made?" if error.status_code < 500 else "try later"
            raise UpdateError(f"{error}; {what}") from error
        except tuf.DownloadLengthMismatchError as error:
            raise UpdateError(f"{error}; more comes than was signed, and none of it is believed") from error
        except tuf.SlowRetrievalError as error:
            raise UpdateError(f"{error or self._url}: too slow; the next try goes on from there") from error
        except tuf.DownloadError as error:
            raise UpdateError(f"{error}; the next try goes on from there") from error
        except tuf.ExpiredMetadataError as error:
            raise DistrustError(
                f"{self._url}: {error}, at {self.time:%Y-%m-%d %H:%M} UTC as this device has it. Whoever publishes has"
                " to run `edge-daemon model publish` again, or somebody serves what is old"
            ) from error
        except tuf.BadVersionNumberError as error:
            raise DistrustError(f"{self._url}: older than what was served before ({error}); not believed") from error
        except tuf.UnsignedMetadataError as error:
            raise DistrustError(f"{self._url}: not signed by whom root.json names ({error}); not believed") from error
        except tuf.RepositoryError as error:
            raise DistrustError(f"{self._url}: not what was signed ({error}); not believed") from error


def servable(facts: Manifest) -> None:
    """Whether a model's names can be names of files here and on a web server. Raises ModelError."""
    for name in (facts.name, facts.version, *(file.name for file in facts.files.values())):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", name) or name.endswith(".json"):
            raise ModelError(f"{name[:120]!r}: names of models and their files are of letters, digits and . _ + - only")
