"""The page over HTTP: routes, who may enter, and the end after a set time. Bottle and waitress: pure Python, 0.7 MB."""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar

import bottle
import msgspec
import waitress

from edge_daemon.errors import EdgeDaemonError, PreviewError
from edge_daemon.preview.api import Desk
from edge_daemon.preview.auth import Guard
from edge_daemon.preview.draft_view import Told
from edge_daemon.preview.field_editor import Draft

T = TypeVar("T")

THREADS = 4
LARGEST = 64 * 1024
"""Bytes of a request's body."""
PAGES = {"": "aim.html", "teach": "teach.html"}
FILES = {
    "page.css": "text/css",
    "aim.js": "text/javascript",
    "boxes.js": "text/javascript",
    "common.js": "text/javascript",
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


class Labelled(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says of a sample."""

    name: str
    label: str | None


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """All fields on the page."""

    fields: list[Draft]


def application(desk: Desk, guard: Guard, ends: float, now: Callable[[], float] = time.monotonic) -> Any:
    """The WSGI application; `ends` is on the clock of `now`."""
    app = bottle.Bottle()
    app.default_error_handler = _explain
    app.add_hook("before_request", partial(_let_in, guard))
    for name, file in PAGES.items():
        app.route(f"/{name}", callback=partial(_file, file, "text/html"))
    for name, kind in FILES.items():
        app.route(f"/{name}", callback=partial(_file, name, kind))

    def timed(told: Told) -> Told:
        return told | {"ends_in": max(0, round(ends - now()))}

    answers: dict[str, Callable[[], Told]] = {
        "GET look": lambda: timed(desk.look(bottle.request.query.getunicode("field"))),
        "GET fields": desk.fields,
        "POST draft": lambda: desk.draft(_body(Fields).fields),
        "POST save": lambda: desk.save(_body(Fields).fields),
        "POST reload": desk.reload,
        "GET samples": lambda: timed(desk.samples()),
        "POST label": lambda: desk.label(*msgspec.structs.astuple(_body(Labelled))),
    }
    for what, answer in answers.items():
        method, name = what.split()
        app.route(f"/api/{name}", method, partial(_told, answer))
    return _protected(app)


def _let_in(guard: Guard) -> None:
    """Before each request: raises what bottle answers with where it is not one of a session."""
    asked = bottle.request
    if asked.query.token and (session := guard.enter(asked.query.token)):
        bottle.response.set_cookie(_cookie(), session, path="/", httponly=True, samesite="strict")
        answer = bottle.response.copy(cls=bottle.HTTPResponse)  # with the cookie; without the token in the history
        answer.status = 303
        answer.set_header("Location", asked.path)
        raise answer
    if not guard.knows(asked.get_cookie(_cookie()) or ""):
        bottle.abort(403, "Open the address that stands in the terminal. Each opens one browser, once.")
    # other pages of this machine may send forms here, but not JSON
    if asked.method == "POST" and asked.content_type.split(";")[0] != "application/json":
        bottle.abort(415, "JSON is expected.")


def _told(answer: Callable[[], Told]) -> bytes:
    """As JSON; a foreseen failure is told as such."""
    bottle.response.content_type = "application/json"
    said: Told
    try:
        said = answer()
    except EdgeDaemonError as error:
        bottle.response.status = 409
        said = {"error": str(error)}
    except msgspec.ValidationError as error:
        bottle.response.status = 400
        said = {"error": str(error)}
    return msgspec.json.encode(said)


def _protected(app: Any) -> Any:
    """The application with HEADERS on all that it answers, also on errors."""

    def protected(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        def begin(status: str, headers: list[tuple[str, str]], failed: Any = None) -> Any:
            return start(status, [*headers, *HEADERS.items()], failed)

        return app(environ, begin)

    return protected


def _explain(error: bottle.HTTPError) -> str:
    bottle.response.content_type = "text/plain; charset=utf-8"
    return f"{error.body}\n"


def _body(kind: type[T]) -> T:
    """The request's JSON. Raises msgspec.ValidationError."""
    data = bottle.request.body.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise msgspec.ValidationError("too much")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise msgspec.ValidationError(str(error)) from None


def _cookie() -> str:
    """Cookies know no ports: two previews on one machine each have their own."""
    return f"edge_daemon_{bottle.request.environ['SERVER_PORT']}"


def _file(name: str, kind: str) -> bytes:
    bottle.response.content_type = f"{kind}; charset=utf-8"
    return files("edge_daemon.preview").joinpath("page", name).read_bytes()


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound: its port is known. Raises PreviewError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(64)
    except OSError as error:
        sock.close()
        raise PreviewError(f"{host}:{port}: cannot be listened on: {error.strerror}; try --port 0") from None
    return sock


def serve(app: bottle.Bottle, sock: socket.socket, seconds: float) -> None:
    """Until the time is over, Ctrl-C or SIGTERM. In the main thread."""
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
        max_request_body_size=LARGEST,
        clear_untrusted_proxy_headers=True,
    )
    try:
        server.run()  # waitress ends on SystemExit, and lets it pass no further
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        server.close()
