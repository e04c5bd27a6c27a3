"""A network camera: MJPEG or single pictures over HTTP; it can be switched off and on again."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from edge_daemon.domain import Grey
from tests.support.brokers.mosquitto import free_port


class NetworkCamera:
    """Sends the same picture thirty times a second at /video, and once at /snapshot.jpg, with an optional login."""

    def __init__(self, pixels: Grey, login: str = "", digest: bool = False) -> None:
        """`login` is user:password, asked for by Basic or Digest."""
        self._jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
        self._digest = login if digest else ""
        self._login = f"Basic {base64.b64encode(login.encode()).decode()}" if login and not digest else ""
        self._port = free_port()
        self._off = threading.Event()
        self.url = f"http://127.0.0.1:{self._port}/video"
        self.snapshot = self.url.replace("/video", "/snapshot.jpg")
        self.asked = ""
        """The path and query of the last request."""
        self.served: list[float] = []
        """Monotonic times at which single pictures were sent."""
        self.answer: tuple[str, bytes] | None = None
        """Content type and content that are sent in place of a single picture."""
        self.frozen = False
        """The connection stays open, but no more frames come."""

    @contextmanager
    def on(self) -> Iterator[None]:
        """The camera is switched on inside this context."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.asked = self.path
                said = self.headers.get("Authorization", "")
                if not (is_digest(said, camera._digest) if camera._digest else said == camera._login):
                    self.send_response(401)
                    want = 'Digest realm="camera", nonce="7", qop="auth"' if camera._digest else 'Basic realm="camera"'
                    self.send_header("WWW-Authenticate", want)
                    self.end_headers()
                    return
                if self.path.startswith("/snapshot"):
                    kind, content = camera.answer or ("image/jpeg", camera._jpeg)
                    camera.served.append(time.monotonic())
                    self.send_response(200)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    with suppress(OSError):
                        self.wfile.write(content)
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


def is_digest(said: str, login: str) -> bool:
    """Whether an Authorization header is the right answer to a Digest challenge (RFC 7616, MD5)."""
    part = dict(re.findall(r'(\w+)="?([^",]+)"?', said))
    if not {"uri", "response", "nc", "cnonce"} <= part.keys():
        return False
    user, _, password = login.partition(":")

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret, request = md5(f"{user}:camera:{password}"), md5(f"GET:{part['uri']}")
    return str(part["response"]) == md5(f"{secret}:7:{part['nc']}:{part['cnonce']}:auth:{request}")
