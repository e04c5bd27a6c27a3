"""Serves the page over HTTP: routes, access, and the end after a set time. Bottle and waitress: pure Python, 0.7 MB."""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar

import bottle
import msgspec
import waitress

from edge_daemon.errors import EdgeDaemonError, PreviewError
from edge_daemon.preview.api import PreviewApi
from edge_daemon.preview.auth import Sessions
from edge_daemon.preview.draft_view import Json
from edge_daemon.preview.field_editor import Draft

T = TypeVar("T")

THREADS = 4
"""Of the server: the live view, the speaker and a second browser do not wait for each other."""
CONNECTIONS = 400
"""Open connections at most. More than anybody opens who only wants to take the page away for a while."""
IDLE = 10
"""Seconds after which a connection without a request is closed."""
MAX_BODY = 64 * 1024
"""Bytes of the largest request body."""
PACKAGE = "edge_daemon.preview.page"
"""Where the files of the page are."""
PAGES = {"": "aim.html", "aim": "aim.html", "teach": "teach.html"}
"""Path -> its file."""
FILES = {
    "page.css": "text/css",
    "aim.js": "text/javascript",
    "boxes.js": "text/javascript",
    "common.js": "text/javascript",
    "form.js": "text/javascript",
    "meters.js": "text/javascript",
    "teach.js": "text/javascript",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request that labels a sample."""

    name: str
    label: str | None


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request with all fields on the page."""

    fields: list[Draft]


@dataclass(frozen=True, slots=True)
class Extension:
    """What another room adds to the page."""

    package: str = PACKAGE
    """Where its files are."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """Path -> its file; a path of the preview page is replaced."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File -> content type."""
    answers: Mapping[str, Callable[[], Json]] = field(default_factory=dict)
    """Method and name below /api -> the function that answers."""


def application(
    api: PreviewApi,
    sessions: Sessions,
    ends: float,
    extension: Extension = Extension(),
    now: Callable[[], float] = time.monotonic,
) -> Any:
    """The WSGI application; `ends` is on the clock of `now`."""
    app = bottle.Bottle()
    app.default_error_handler = _explain
    app.add_hook("before_request", partial(_check_access, sessions))
    pages = {name: (PACKAGE, file) for name, file in PAGES.items()}
    pages |= {name: (extension.package, file) for name, file in extension.pages.items()}
    for name, (package, file) in pages.items():
        app.route(f"/{name}", callback=partial(_file, package, file, "text/html"))
    for package, names in ((PACKAGE, FILES), (extension.package, extension.files)):
        for name, kind in names.items():
            app.route(f"/{name}", callback=partial(_file, package, name, kind))

    def timed(answer: Json) -> Json:
        return answer | {"ends_in": max(0, round(ends - now()))}

    answers: dict[str, Callable[[], Json]] = {
        "GET look": lambda: timed(api.look(bottle.request.query.getunicode("field"))),
        "GET fields": api.fields,
        "POST draft": lambda: api.draft(body(Fields).fields),
        "POST save": lambda: api.save(body(Fields).fields),
        "POST reload": api.reload,
        "GET samples": lambda: timed(api.samples()),
        "POST label": lambda: api.label(*msgspec.structs.astuple(body(Label))),
    }
    for what, answer in (answers | dict(extension.answers)).items():
        method, name = what.split()
        app.route(f"/api/{name}", method, partial(_as_json, answer))
    return _protected(app)


def _check_access(sessions: Sessions) -> None:
    """Runs before each request: raises the answer if the request belongs to no session."""
    request = bottle.request
    if request.query.token and (secret := sessions.open(request.query.token)):
        options = {"path": "/", "httponly": True, "samesite": "strict", "secure": sessions.is_secure}
        bottle.response.set_cookie(_cookie(), secret, **options)
        answer = bottle.response.copy(cls=bottle.HTTPResponse)  # with the cookie; without the token in the history
        answer.status = 303
        answer.set_header("Location", request.path)
        raise answer
    if not sessions.is_open(request.get_cookie(_cookie()) or ""):
        bottle.abort(403, "Open the address that is printed in the terminal. Each address opens one browser, once.")
    # other pages of this machine may send forms here, but not JSON
    if request.method == "POST" and request.content_type.split(";")[0] != "application/json":
        bottle.abort(415, "The server accepts only JSON.")


def _as_json(answer: Callable[[], Json]) -> bytes:
    """The answer as JSON; an expected error as {"error": its message}."""
    bottle.response.content_type = "application/json"
    content: Json
    try:
        content = answer()
    except EdgeDaemonError as error:
        bottle.response.status = 409
        content = {"error": str(error)}
    except msgspec.ValidationError as error:
        bottle.response.status = 400
        content = {"error": str(error)}
    return msgspec.json.encode(content)


def _protected(app: Any) -> Any:
    """The application with HEADERS on every answer, also on errors."""

    def protected(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        def begin(status: str, headers: list[tuple[str, str]], failed: Any = None) -> Any:
            return start(status, [*headers, *HEADERS.items()], failed)

        return app(environ, begin)

    return protected


def _explain(error: bottle.HTTPError) -> str:
    bottle.response.content_type = "text/plain; charset=utf-8"
    return f"{error.body}\n"


def body(kind: type[T]) -> T:
    """The request's JSON. Raises msgspec.ValidationError."""
    data = bottle.request.body.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise msgspec.ValidationError("the request is too large")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise msgspec.ValidationError(str(error)) from None


def _cookie() -> str:
    """The name of the cookie. Browsers share cookies between ports, so two previews on one machine need two names."""
    return f"edge_daemon_{bottle.request.environ['SERVER_PORT']}"


def _file(package: str, name: str, kind: str) -> bytes:
    bottle.response.content_type = f"{kind}; charset=utf-8"
    return files(package).joinpath(name).read_bytes()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that its port is known. Raises PreviewError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(64)
    except OSError as error:
        sock.close()
        raise PreviewError(f"{host}:{port}: cannot listen there: {error.strerror}; try --port 0") from None
    return sock


def serve(app: bottle.Bottle, sock: socket.socket, seconds: float) -> None:
    """Serve until `seconds` are over, Ctrl-C or SIGTERM. Runs in the main thread."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)

    def end(_number: int, _stack: Any) -> None:
        raise SystemExit

    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    server = waitress.create_server(
        app,
        sockets=[sock],
        threads=THREADS,
        ident=None,
        max_request_body_size=MAX_BODY,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE,
        cleanup_interval=IDLE // 5,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=True,
    )
    try:
        server.run()  # waitress ends on SystemExit, and lets it pass no further
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        server.close()
