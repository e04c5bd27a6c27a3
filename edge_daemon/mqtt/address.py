"""Where the broker is and how to get in: URL, login, TLS. Reads the files it takes, connects to nothing."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_daemon.errors import ConfigError
from edge_daemon.system.credentials import find_credential, read_password


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """The keys of the [mqtt] table that say how to get in.

    A file that is named without a slash is looked for among the service's credentials first (LoadCredential= in
    systemd.exec(5)), then here, then where the service's unit takes them from.
    """

    url: str = "mqtt://localhost:1883"
    """Where the broker is: mqtt://host:port, or mqtts://host:port for TLS."""
    username: str = ""
    """Empty: no login."""
    password_file: str = ""
    """A file that holds the password; it is never written anywhere else."""
    ca_file: str = ""
    """Certificates (PEM) to trust for mqtts://; empty: those of the system."""
    cert_file: str = ""
    """Our own certificate (PEM), for brokers that want one; the key may be in the same file."""
    key_file: str = ""
    """The key of `cert_file`, where it is not in the same file."""
    server_name: str = ""
    """The name that the broker's certificate must show; empty: the host of the url."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """What it takes to connect."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def resolve(options: BrokerOptions) -> BrokerAddress:
    """Take the URL apart and read the files. Raises ConfigError."""
    host, port, tls = parse_url(options.url)
    password = read_password(options.password_file) if options.password_file else ""
    return BrokerAddress(host, port, options.username, password, _tls(options) if tls else None)


def file_stamps(options: BrokerOptions) -> tuple[object, ...]:
    """What tells whether the files that were named are still the same; a missing one is None."""
    names = (options.password_file, options.ca_file, options.cert_file, options.key_file)
    return tuple(_stamp(find_credential(name)) for name in names if name)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_ino, info.st_size, info.st_mtime_ns


def parse_url(url: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS is wanted. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"[mqtt] url {url!r}: {error}") from None
    if "@" in parts.netloc:
        raise ConfigError("[mqtt] url: put the login into `username` and `password_file`, not into the url")
    if parts.scheme not in ("mqtt", "mqtts") or not host or parts.path.strip("/"):
        raise ConfigError(f"[mqtt] url {url!r}: write mqtt://host:port or mqtts://host:port")
    tls = parts.scheme == "mqtts"
    try:
        host.encode("idna")  # what looking it up will do
    except UnicodeError as error:
        raise ConfigError(f"[mqtt] url {url!r}: {error}") from None
    return host, port or (8883 if tls else 1883), tls


class _Context(ssl.SSLContext):
    """Expects the certificate of another name than that of the host it is connected to."""

    name = ""

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        if self.name:
            options["server_hostname"] = self.name
        return super().wrap_socket(*arguments, **options)


def _tls(options: BrokerOptions) -> ssl.SSLContext:
    """TLS 1.2 or newer; certificate and host name are checked."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.name = options.server_name
    load_ca(context, options.ca_file)
    if options.cert_file:
        try:
            # a key that asks for a passphrase would wait for a person at the terminal
            key = find_credential(options.key_file) if options.key_file else None
            context.load_cert_chain(find_credential(options.cert_file), key, password=lambda: b"")
        except (OSError, ValueError) as error:
            names = " and ".join(filter(None, (options.cert_file, options.key_file)))
            raise ConfigError(f"[mqtt] cert_file {names}: {error}") from None
    return context


def load_ca(context: ssl.SSLContext, ca_file: str) -> None:
    """Trust the certificates in a file, or without one the system's. Raises ConfigError."""
    try:
        if ca_file:
            context.load_verify_locations(find_credential(ca_file))
        else:
            context.load_default_certs()
    except OSError as error:
        raise ConfigError(f"[mqtt] ca_file {ca_file}: {error}") from None
