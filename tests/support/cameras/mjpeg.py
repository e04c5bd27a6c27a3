"""A network camera: MJPEG over HTTP; it can be switched off and on again."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from edge_daemon.domain import Grey
from tests.support.brokers.mosquitto import free_port


class NetworkCamera:
    """Sends the same picture thirty times a second at /video, with an optional login."""

    def __init__(self, pixels: Grey, login: str = "") -> None:
        """`login` is user:password."""
        self._jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
        self._login = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self._port = free_port()
        self._off = threading.Event()
        self.url = f"http://127.0.0.1:{self._port}/video"
        self.asked = ""
        """The path and query of the last request."""
        self.frozen = False
        """The connection stays open, but no more frames come."""

    @contextmanager
    def on(self) -> Iterator[None]:
        """The camera is switched on inside this context."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.asked = self.path
                if camera._login and self.headers.get("Authorization") != camera._login:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(camera._jpeg)}\r\n\r\n".encode()
                with suppress(OSError):
                    while not camera._off.wait(0.033):
                        if not camera.frozen:
                            self.wfile.write(head + camera._jpeg + b"\r\n")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._off.clear()
        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            self._off.set()
            server.shutdown()
            server.server_close()
            thread.join()
