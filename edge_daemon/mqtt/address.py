"""The address of the broker with login and TLS. Reads the named files; does not connect."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from edge_daemon.errors import ConfigError
from edge_daemon.system import regular_file
from edge_daemon.system.credentials import find_credential, read_password
from edge_daemon.system.urls import hide_path

Urls = Annotated[
    str | Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)],
    msgspec.Meta(extra={"expected": 'a url in quotes, or a list of 1 to 16 of them like ["mqtt://a", "mqtt://b"]'}),
]
"""One broker, or several of one cluster."""


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """The keys of the [mqtt] table that concern the connection.

    A file named without a slash is looked for among the service's credentials (LoadCredential= in systemd.exec(5)),
    then in the working directory, then in the folder from which the service's unit takes its credentials.
    """

    url: Urls = "mqtt://localhost:1883"
    """mqtt://host:port, or mqtts://host:port for TLS. Several: one cluster; the next one is used when one is gone."""
    username: str = ""
    """Empty: no login."""
    password_file: str = ""
    """A file with the password, which is never written anywhere else."""
    ca_file: str = ""
    """Certificates (PEM) to trust for mqtts://; empty: those of the system."""
    cert_file: str = ""
    """The client certificate (PEM), if the broker requires one; the key may be in the same file."""
    key_file: str = ""
    """The key of `cert_file`, if it is not in the same file."""
    server_name: str = ""
    """The name in the broker's certificate; empty: the host of the url."""

    @property
    def urls(self) -> tuple[str, ...]:
        """All of them, in the order in which they are tried."""
        return (self.url,) if isinstance(self.url, str) else self.url


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """The resolved address: all that is needed to connect."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    others: tuple[BrokerAddress, ...] = ()
    """Other brokers of the same cluster, to be tried next, in this order."""

    def in_turn(self) -> list[BrokerAddress]:
        """This one and the others; each has the rest as its others."""
        every = [replace(address, others=()) for address in (self, *self.others)]
        return [replace(one, others=(*every[i + 1 :], *every[:i])) for i, one in enumerate(every)]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def resolve(options: BrokerOptions, password: str | None = None) -> BrokerAddress:
    """Parse the URLs and read the files: the first broker, with the others. `password`: instead of that in its file.

    Raises ConfigError.
    """
    if password is None:
        password = read_password(options.password_file) if options.password_file else ""
    parsed = [parse_url(url) for url in options.urls]
    context = _tls(options) if any(tls for _, _, tls in parsed) else None
    first, *others = (
        BrokerAddress(host, port, options.username, password, context if tls else None) for host, port, tls in parsed
    )
    return replace(first, others=tuple(others))


def file_stamps(options: BrokerOptions) -> tuple[object, ...]:
    """A value for each named file that changes when the file does; None: it is missing."""
    names = (options.password_file, options.ca_file, options.cert_file, options.key_file)
    return tuple(_stamp(name) for name in names if name)


def _stamp(name: str) -> tuple[int, int, int] | None:
    try:
        info = find_credential(name).stat()
    except OSError:
        return None
    return info.st_ino, info.st_size, info.st_mtime_ns


def parse_url(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is used. Raises ConfigError."""
    shown = hide_path(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # its text repeats a part of the URL
        raise ConfigError(f"[mqtt] url {shown}: write mqtt://host:port or mqtts://host:port") from None
    if "@" in parts.netloc:
        raise ConfigError("[mqtt] url: put the login into `username` and `password_file`, not into the url")
    exact = not re.search(r"[?#\s]", url) and not parts.path.strip("/") and port != 0
    if parts.scheme not in ("mqtt", "mqtts") or not host or not exact:
        raise ConfigError(f"[mqtt] url {shown}: write mqtt://host:port or mqtts://host:port")
    tls = parts.scheme == "mqtts"
    try:
        host.encode("idna")  # as the lookup does
    except UnicodeError as error:
        raise ConfigError(f"[mqtt] url {shown}: {error}") from None
    return host, port or (8883 if tls else 1883), tls


class _Context(ssl.SSLContext):
    """Checks the broker's certificate against `name` instead of the host."""

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
    if options.server_name:
        try:  # as the handshake takes it, which is too late to say so
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=options.server_name)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"[mqtt] server_name {options.server_name!r}: {error}") from None
    load_ca(context, options.ca_file)
    if options.cert_file:
        try:
            # without `password` a key with a passphrase would wait for input at the terminal
            key = find_credential(options.key_file) if options.key_file else None
            context.load_cert_chain(find_credential(options.cert_file), key, password=lambda: b"")
        except (OSError, ValueError) as error:
            names = " and ".join(filter(None, (options.cert_file, options.key_file)))
            raise ConfigError(f"[mqtt] cert_file {names}: {error}") from None
    return context


def load_ca(context: ssl.SSLContext, ca_file: str) -> None:
    """Trust the certificates in a file, or else those of the system. Raises ConfigError."""
    try:
        if ca_file:
            regular_file.read(find_credential(ca_file))  # OpenSSL would read a FIFO or a device for ever
            context.load_verify_locations(find_credential(ca_file))
        else:
            context.load_default_certs()
    except OSError as error:
        raise ConfigError(f"[mqtt] ca_file {ca_file}: {error}") from None
