"""URLs as they may be shown: a login or a secret can stand in a URL's path or query, so only its host is."""

from __future__ import annotations

import re

_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)://([^\s\"'<>]*)")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:@]*)(:[0-9]*)?")


def hide_path(url: str) -> str:
    """The scheme, host and port of a URL, for every message, log line and file. Of a damaged URL it may be less."""
    head, slashes, tail = url.partition("://")
    scheme, rest = (head, tail) if slashes else ("", head)
    authority = re.split(r"[/?#\\\s]", rest, maxsplit=1)[0]
    # an @ further on: the password holds a / or the like, and what seems to be the host is a part of it
    host = "..." if "@" in rest[len(authority) :] else authority.rpartition("@")[2]
    if not _HOST_PORT.fullmatch(host):
        host = "..."
    return f"{scheme}{slashes}{host}"


def hide_paths(text: str) -> str:
    """A text in which each URL is shortened to its scheme, host and port."""
    return _URL.sub(lambda found: hide_path(found[0]), text)
