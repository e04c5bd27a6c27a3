"""Files over HTTP for the update client: bounded in time, bytes and disk; what breaks off is taken up where it was.

Nothing here is trusted: The Update Framework (updates.py) checks every byte afterwards. Imported only where an update
is at work: it needs the extra `updates`.
"""

from __future__ import annotations

import hashlib
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

CHUNK = 16 * 1024
"""Bytes that are asked for at once; fewer may come."""
REDIRECTS = 3
PARTIAL_CONTENT = 206


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may take of us."""

    silence: float = 20.0
    """Seconds without one byte,"""
    window: float = 30.0
    """seconds over which"""
    least: int = 8_192
    """so many bytes have to come: more would be asking too much of a bad mobile link;"""
    longest: float = 3600.0
    """seconds in all. What was loaded by then is kept, and the next try goes on there."""
    most: int = 80_000_000
    """Bytes in all, of one try."""
    tries: int = 5
    """A download that breaks off is taken up so often, as long as each try brings something,"""
    pause: float = 1.0
    """after so many seconds, then twice, three times as many."""


class Fetcher(FetcherInterface):
    """Fetches for one update. Called from one thread."""

    def __init__(self, folder: Path, limits: Limits, loaded: Callable[[int], None] = lambda count: None) -> None:
        """What is not complete yet waits in `folder`; `loaded` hears of each chunk's bytes."""
        self.folder = folder
        self.loaded = loaded
        self._limits = limits
        self._left = limits.most
        self._pool = urllib3.PoolManager(
            headers={"User-Agent": "edge-daemon", "Accept-Encoding": "identity"},
            timeout=urllib3.Timeout(limits.silence),
            retries=urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=REDIRECTS),
        )

    def close(self) -> None:
        """No connection is kept."""
        self._pool.clear()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A small file, whole. Raises DownloadError."""
        found = bytearray()
        for chunk in self.fetch(url):
            found += chunk
            if len(found) > max_length:
                raise DownloadLengthMismatchError(f"{url}: more than the {max_length} bytes that it may have")
        return bytes(found)

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """A file of exactly `max_length` bytes, open for reading; it goes when the caller is done with it.

        What an earlier try left of it is not loaded again. Raises DownloadError, or OSError for the disk.
        """
        path = self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.part"
        with path.open("a+b") as file:
            self._complete(file, url, max_length)
            file.seek(0)
            try:
                yield file
            finally:  # taken, or not what it should be: either way it is of no more use
                path.unlink(missing_ok=True)

    def _complete(self, file: IO[bytes], url: str, length: int) -> None:
        """Load what is missing. Taken up again as long as something comes."""
        for attempt in range(self._limits.tries):
            before = file.tell()
            try:
                self._go_on(file, url, length)
            except DownloadLengthMismatchError:
                file.truncate(0)
                raise
            except (DownloadHTTPError, SlowRetrievalError):
                raise
            except DownloadError:
                if file.tell() <= before or attempt + 1 == self._limits.tries:
                    raise
                time.sleep(self._limits.pause * (attempt + 1))
            else:
                return

    def _go_on(self, file: IO[bytes], url: str, length: int) -> None:
        """Raises DownloadError unless the file is then as long as it has to be."""
        if file.tell() > length:
            file.truncate(0)
            file.seek(0)
        self.loaded(file.tell())
        if file.tell() == length:
            return
        response = self._open(url, file.tell())
        if response.status != PARTIAL_CONTENT and file.tell():  # a server that cannot go on begins anew
            self.loaded(-file.tell())
            file.truncate(0)
            file.seek(0)
        try:
            for chunk in self._chunks(response):
                if file.tell() + len(chunk) > length:
                    raise DownloadLengthMismatchError(f"{url}: more than its {length} bytes")
                file.write(chunk)
                self.loaded(len(chunk))
        except DownloadError:
            self.loaded(-file.tell())  # counted anew when it is taken up
            raise
        if file.tell() < length:
            raise DownloadError(f"{url}: broke off after {file.tell()} of {length} bytes")

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._chunks(self._open(url, 0))

    def _open(self, url: str, start: int) -> urllib3.response.BaseHTTPResponse:
        headers = {"Range": f"bytes={start}-"} if start else {}
        headers |= self._pool.headers
        try:
            response = self._pool.request("GET", url, headers=headers, preload_content=False, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise _as_download_error(url, error) from error
        if response.status >= 400:
            response.close()
            raise DownloadHTTPError(f"{url}: the server says {response.status} {response.reason}", response.status)
        return response

    def _chunks(self, response: urllib3.response.BaseHTTPResponse) -> Iterator[bytes]:
        """What comes, as it comes. Raises DownloadError, also when too much comes, or too slowly."""
        since, came, url = time.monotonic(), 0, response.url or ""
        try:
            while chunk := response.read1(CHUNK):
                came += len(chunk)
                self._left -= len(chunk)
                if self._left < 0:
                    raise DownloadLengthMismatchError(f"{url}: more than {self._limits.most} bytes in all")
                yield chunk
                if (now := time.monotonic()) - since >= self._limits.window:
                    if came < self._limits.least:
                        raise SlowRetrievalError(f"{url}: {came} bytes in {now - since:.0f} s")
                    since, came = now, 0
        except urllib3.exceptions.HTTPError as error:
            raise _as_download_error(url, error) from error
        finally:
            response.close()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What runs inside ends in time, whatever a server does: SlowRetrievalError out of any read. Main thread only."""

    def enough(_number: int, _stack: FrameType | None) -> None:
        raise SlowRetrievalError(f"not done within {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, enough)
    earlier = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again, should one be swallowed
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *earlier)
        signal.signal(signal.SIGALRM, handler)


def _as_download_error(url: str, error: urllib3.exceptions.HTTPError) -> DownloadError:
    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
    refused = isinstance(reason, urllib3.exceptions.NewConnectionError)  # to urllib3 that is a timeout, too
    slow = isinstance(reason, urllib3.exceptions.TimeoutError) and not refused
    text = re.sub(r"^HTTPS?Connection(Pool)?\(.*?\): ", "", str(reason))
    return (SlowRetrievalError if slow else DownloadError)(f"{url}: {text}")
