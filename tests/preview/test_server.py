"""The page over HTTP: access, and the end."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.program import preview


def test_without_a_cookie_every_path_is_refused(file: Path) -> None:
    """The address opens one session, once; a form of another page is refused."""
    with preview(file) as (process, url):
        base = url.partition("?")[0]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
        for path in ("", "teach", "api/look", "api/samples", "page.css"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(base + path)
        assert b"What the camera sees" in browser.open(url).read()
        [cookie] = jar
        assert cookie.has_nonstandard_attr("HttpOnly")
        answer = browser.open(base + "api/fields")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert [field["was"] for field in json.load(answer)["fields"]] == ["units", "rest"]
        with pytest.raises(urllib.error.HTTPError, match="415"):
            browser.open(base + "api/save", b'{"fields": []}')
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_ends_by_itself(file: Path) -> None:
    """After the given time, with exit code 0."""
    with preview(file, "--for", "1s") as (process, _):
        assert process.wait(20) == 0


def test_idle_connections_do_not_take_the_page_away(file: Path) -> None:
    """With 150 of them open the page answers."""
    with ExitStack() as idle, preview(file) as (_, url):
        port = urlsplit(url).port
        for _ in range(150):
            idle.enter_context(socket.create_connection(("127.0.0.1", port)))
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(url, timeout=10) as page:
            assert page.status == 200
