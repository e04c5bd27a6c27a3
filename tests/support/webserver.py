"""A web server on a free loopback port that serves a folder, with faults that a test can choose."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE = 4096


class WebServer(ThreadingHTTPServer):
    """What `instead` returns for a path is sent in place of the file, as it comes: piece by piece, until there are no
    more or the client has gone."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[str] = []
        """The path of each request."""
        self.sent = 0
        """Bytes of bodies."""
        self.breaks_after: int | None = None
        """The connection is cut after this many bytes of a body."""
        self.instead: Callable[[str], Iterator[bytes] | None] = lambda path: None
        self.raw: Callable[[str], Iterator[bytes] | None] = lambda path: None
        """The same, with status line and headers."""
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """No message: disconnected clients are expected."""


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.path)
        if (raw := server.raw(self.path)) is not None:
            for piece in raw:
                self.wfile.write(piece)
            self.close_connection = True
            return
        if (body := server.instead(self.path)) is not None:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            self._send(body)
            return
        path = server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self._send(content[i : i + PIECE] for i in range(0, len(content), PIECE))

    def _send(self, pieces: Iterator[bytes]) -> None:
        gone = 0
        with suppress(ConnectionError):
            for piece in pieces:
                left = None if self.server.breaks_after is None else self.server.breaks_after - gone
                self.wfile.write(piece[:left])
                gone += len(piece[:left])
                self.server.sent += len(piece[:left])
                if left is not None and left <= len(piece):
                    self.close_connection = True
                    return


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    with WebServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
