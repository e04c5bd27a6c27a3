"""Finds and downloads the newest model from a signed folder on a web server (publish.py makes that folder).

The Update Framework (theupdateframework.io) decides what is accepted: only what the keys in the root file have signed,
nothing older than what was seen before, nothing expired. Its client keeps what it has seen in `metadata/` and downloads
with its own fetcher, which never loads more of a file than was signed. Complete files stay in `incoming/` until the
model is installed, and are not loaded again. Needs the extra `updates` when it is used.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

from edge_daemon import __version__
from edge_daemon.errors import DistrustError, ModelError, UpdateError
from edge_daemon.inference.manifest import LARGEST_MODEL, Manifest, decode
from edge_daemon.system import atomic
from edge_daemon.system.units import Duration
from edge_daemon.system.urls import hide_path, hide_paths

if TYPE_CHECKING:
    from tuf.ngclient import Updater

MODEL = "model.json"
"""Name under which the manifest of the newest model is served, whatever the model is called."""
LARGEST_MANIFEST = 1_000_000
"""Bytes of that manifest; digits 0.4.0 has 12,000."""
DISK_RESERVE = 16_000_000
"""Bytes that stay free on the disk whatever is downloaded."""
TUF_LIMITS: Mapping[str, Any] = {
    "max_root_rotations": 64,
    "root_max_length": 100_000,
    "timestamp_max_length": 10_000,
    "snapshot_max_length": 100_000,
    "targets_max_length": 1_000_000,
}
"""Bytes of each metadata file, and how many changes of the root keys one run follows: ten times what we publish."""


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """The table [updates]."""

    url: str = ""
    """The folder that `edge-daemon model publish` made, on a web server. Empty: no updates."""
    root: str = "/etc/edge-daemon/root.json"
    """The file that names the keys whose signatures count. It must come to the device by a way that is trusted."""
    every: Annotated[float, Duration("10m", "90d", or_never=True)] = 86_400.0
    """Seconds between two checks of a running daemon, give or take a tenth. 0: only on request."""
    automatic: bool = True
    """Whether a newer model is installed when it is found; otherwise only on request."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one run waits for the server, in seconds."""

    silence: int = 20
    """Without one byte."""
    total: float = 3600.0
    """For all of it: 1 MB in an hour is a very bad mobile link."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The newest model, as its signed manifest describes it."""

    facts: Manifest
    manifest: bytes

    @property
    def mark(self) -> str:
        """Identifies this manifest together with this program's version."""
        return f"{hashlib.sha256(self.manifest).hexdigest()} {__version__}"


class UpdateClient:
    """The Update Framework's client, for one run. Use it in the main thread: the time limit is a signal."""

    def __init__(self, folder: Path, options: UpdateOptions, time: datetime, limits: Limits | None = None) -> None:
        """`folder` keeps what is known of the server; signatures are judged as of `time`.

        Raises UpdateError where the root file cannot be used, or the extra `updates` is not installed.
        """
        try:
            from tuf.api.exceptions import RepositoryError
            from tuf.ngclient import Updater, UpdaterConfig
            from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher
        except ImportError as error:
            raise UpdateError(f"updates need more packages ({error}): pip install 'edge-daemon[updates]'") from error
        self.time = time
        self._folder, self._url, self._limits = folder, options.url.rstrip("/"), limits or Limits()
        self._host = hide_path(options.url)
        (folder / "metadata").mkdir(exist_ok=True)
        for stray in [*(folder / "metadata").glob("tmp*"), *folder.rglob("*.part")]:  # of a run that was killed
            stray.unlink()
        try:
            root = Path(options.root).expanduser().read_bytes()
        except OSError as error:
            raise UpdateError(
                f"{options.root}: {error.strerror}; copy root.json there, from whoever publishes the models"
            ) from error
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # its retries are not of interest, only how they end
        fetcher = Urllib3Fetcher(self._limits.silence, app_user_agent="edge-daemon")
        try:
            self._tuf: Updater = Updater(
                str(folder / "metadata"), f"{self._url}/metadata", str(folder), f"{self._url}/targets", fetcher,
                UpdaterConfig(**TUF_LIMITS), bootstrap=root,
            )  # fmt: skip
        except RepositoryError as error:
            raise UpdateError(
                f"{options.root} is not a root file ({error}); copy root.json from whoever publishes the models"
            ) from error
        # python-tuf has no public way to set the time by which it judges; a test holds that this one is used
        self._tuf._trusted_set.reference_time = time

    def offer(self) -> Offer:
        """The newest model that is published. Raises UpdateError, or ModelError where its manifest is damaged."""
        with self._update_errors():
            self._tuf.refresh()
            path = self._download(MODEL, LARGEST_MANIFEST, self._folder)
        facts = decode(path, Manifest)
        check_names(facts)
        return Offer(facts, path.read_bytes())

    def fetch(self, offer: Offer, progress: Callable[[int, int], None]) -> Path:
        """Download all files of a model into a folder that the model store accepts.

        `progress` is called with (bytes loaded, bytes in all) after each file. Raises UpdateError, or OSError for the
        disk.
        """
        incoming = self._folder / "incoming"
        folder = incoming / hashlib.sha256(offer.manifest).hexdigest()[:16]
        for other in incoming.glob("*"):
            if other != folder:
                shutil.rmtree(other)
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(offer.facts, folder)
        loaded = 0
        with self._update_errors():
            for file in offer.facts.files.values():
                self._download(file.name, file.bytes, folder)
                loaded += file.bytes
                progress(loaded, offer.facts.size)
        atomic.write(folder / f"{offer.facts.name}-{offer.facts.version}.json", offer.manifest)
        return folder

    def clear(self) -> None:
        """Delete what was downloaded: it is in the store now."""
        shutil.rmtree(self._folder / "incoming", ignore_errors=True)

    def _download(self, path: str, most: int, folder: Path) -> Path:
        """The signed file `path` of at most `most` bytes, in `folder`; loaded only where it is not there yet."""
        found = self._tuf.get_targetinfo(path)
        if found is None or found.length > most:
            wrong = f"has {found.length} bytes, not {most}" if found else "is not signed"
            raise UpdateError(f"{self._host}: {path} {wrong}; publish the model again")
        here = folder / path
        if not self._tuf.find_cached_target(found, str(here)):
            self._tuf.download_target(found, str(here))
        return here

    @contextmanager
    def _update_errors(self) -> Iterator[None]:
        """Keep the time limit, and turn every error of python-tuf and urllib3 into an UpdateError."""
        from tuf.api import exceptions as tuf
        from urllib3.exceptions import HTTPError

        try:
            with time_limit(self._limits.total, tuf.SlowRetrievalError):
                yield
        except tuf.DownloadHTTPError as error:
            what = "is it the folder that `edge-daemon model publish` made?" if error.status_code < 500 else "try later"
            raise UpdateError(f"{self._host}: the server answers {error.status_code}; {what}") from error
        except tuf.DownloadLengthMismatchError as error:
            raise UpdateError(f"{self._host}: {error}; more comes than was signed, nothing of it is used") from error
        except (tuf.DownloadError, HTTPError) as error:
            raise UpdateError(f"{self._host}: {_reason(error)}; the next check tries again") from error
        except tuf.ExpiredMetadataError as error:
            raise DistrustError(
                f"{self._host}: {error}, at {self.time:%Y-%m-%d %H:%M} UTC by this device's clock. Whoever publishes"
                " has to run `edge-daemon model publish` again, or somebody serves an old copy"
            ) from error
        except tuf.BadVersionNumberError as error:
            raise DistrustError(f"{self._host}: older than what was served before ({error}); not accepted") from error
        except tuf.UnsignedMetadataError as error:
            raise DistrustError(f"{self._host}: not signed by the keys in root.json ({error}); not accepted") from error
        except tuf.RepositoryError as error:
            raise DistrustError(f"{self._host}: not what was signed ({error}); not accepted") from error


def check_names(facts: Manifest) -> None:
    """Raise ModelError unless a model's names can be names of files here and on a web server."""
    for name in (facts.name, facts.version, *(file.name for file in facts.files.values())):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", name) or name.endswith(".json"):
            raise ModelError(
                f"{name[:120]!r}: names of models and their files may hold letters, digits and . _ + - only"
            )


@contextmanager
def time_limit(seconds: float, error: type[Exception]) -> Iterator[None]:
    """Raise `error` out of what runs inside, even out of a blocked read, after `seconds`. Main thread only."""

    def stop(_number: int, _stack: FrameType | None) -> None:
        raise error(f"not done within {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, stop)
    earlier = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # every second from then on: one may get lost
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *earlier)
        signal.signal(signal.SIGALRM, handler)


def _check_room(facts: Manifest, folder: Path) -> None:
    """Raise UpdateError unless the model fits on the disk twice: as a download, and in the store."""
    if facts.size > LARGEST_MODEL:
        raise UpdateError(
            f"{facts.version} has {facts.size / 10**6:.1f} MB; at most {LARGEST_MODEL // 10**6} MB are accepted"
        )
    free = shutil.disk_usage(folder).free
    if free < 2 * facts.size + DISK_RESERVE:
        raise UpdateError(
            f"{facts.version} has {facts.size / 10**6:.1f} MB; {free // 10**6} MB are free in {folder}, and"
            f" {(2 * facts.size + DISK_RESERVE) // 10**6} MB are needed"
        )


def _reason(error: Exception) -> str:
    """The message of python-tuf or urllib3 in one line, without the names of their classes."""
    from tuf.api.exceptions import SlowRetrievalError
    from urllib3.exceptions import HTTPError, NewConnectionError

    if isinstance(error, HTTPError):  # from the middle of a file: "Connection broken: IncompleteRead(...)"
        return hide_paths(str(error.args[0]))
    reason = getattr(error.__cause__, "reason", None) or error.__cause__ or error
    text = re.sub(r"HTTPS?Connection(Pool)?\(.*?\): ", "", hide_paths(str(reason)))
    # to urllib3 a refused connection is a timeout, too
    slow = isinstance(error, SlowRetrievalError) and not isinstance(reason, NewConnectionError)
    return f"too slow: {text}" if slow else text
