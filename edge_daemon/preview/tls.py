"""TLS for the page where it can be reached from the network: a self-made certificate, and a forwarder to the server.

waitress speaks HTTP only; the forwarder ends TLS in front of it, on this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Thread

from edge_daemon.errors import PreviewError

DAYS = 2
"""Days for which the certificate is valid: longer than a page is served."""
PIECE = 64 * 1024
"""Bytes that are forwarded at once, at most."""


def certificate(host: str) -> tuple[ssl.SSLContext, str]:
    """A new certificate for one host name or address, and its SHA-256 fingerprint as browsers show it.

    Key and certificate are in memory only. Raises PreviewError where there is no openssl.
    """
    kind = "IP" if set(host) <= set("0123456789.") or ":" in host else "DNS"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", str(DAYS), "-subj", "/CN=edge-daemon", "-addext", f"subjectAltName={kind}:{host}"]
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        try:
            subprocess.run([*request, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PreviewError(f"no certificate can be made ({error}): sudo apt install openssl") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(cert, key)
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert.read_text())).hexdigest().upper()
    return context, ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


class TlsForwarder:
    """Accepts TLS connections at one socket and forwards them to a port of this machine, in a thread of its own."""

    def __init__(self, outer: socket.socket, context: ssl.SSLContext, port: int) -> None:
        """`outer` is a bound socket, `port` that of the server."""
        self._outer, self._context, self._port = outer, context, port
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._forward, sock=self._outer, ssl=self._context))
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # the browser, or the server, has gone
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends, which ends the other."""
    try:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
