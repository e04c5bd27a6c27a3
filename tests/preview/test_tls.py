"""The page where the network can reach it: over TLS, with a certificate made for it, and with the same access."""

from __future__ import annotations

import hashlib
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_daemon.preview.tls import TlsForwarder, certificate
from tests.support.program import page
from tests.support.webserver import serving


@pytest.mark.parametrize("command", ["preview", "setup"])
def test_only_over_tls(file: Path, command: str) -> None:
    """The address opens one session, once; its cookie is sent over TLS only; the certificate is the one whose
    fingerprint was printed, for this address; without TLS there is no answer."""
    with page(command, file, "--listen", "127.0.0.2") as (_, url):
        parts = urlsplit(url)
        assert (parts.scheme, parts.hostname) == ("https", "127.0.0.2")
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        browser = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trusting), urllib.request.HTTPCookieProcessor(jar := CookieJar())
        )
        with browser.open(url, timeout=20) as answer:
            assert answer.status == 200
        [cookie] = jar
        assert cookie.secure
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url, context=trusting, timeout=20)
        with pytest.raises(ConnectionResetError):
            urllib.request.urlopen(url.replace("https", "http"), timeout=20)


def test_the_fingerprint_is_that_of_the_certificate(tmp_path: Path) -> None:
    """What the terminal shows is what the browser shows; and what is behind the forwarder comes through it."""
    (tmp_path / "big").write_bytes(big := bytes(range(256)) * 2000)
    outer = socket.create_server(("127.0.0.1", 0))
    context, fingerprint = certificate("127.0.0.1")
    with serving(tmp_path) as inner, closing(TlsForwarder(outer, context, inner.server_address[1])):
        shown = ssl.get_server_certificate(outer.getsockname())
        trusting = ssl.create_default_context(cadata=shown)
        with urllib.request.urlopen(f"https://127.0.0.1:{outer.getsockname()[1]}/big", context=trusting) as answer:
            assert answer.read() == big
    assert fingerprint.replace(":", "").lower() == hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()
