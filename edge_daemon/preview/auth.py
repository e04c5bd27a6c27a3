"""Access to the page: the address printed in the terminal holds a token that opens one session, once."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

TOKEN_BYTES = 24
"""Random bytes in a token, and in the secret of a session: 192 bits cannot be guessed."""


class Sessions:
    """One valid token at a time, and the sessions that tokens have opened. Safe from any thread: set operations are
    atomic."""

    def __init__(self, announce: Callable[[str], None], is_secure: bool = False) -> None:
        """`announce` is called with each new token: now, and whenever the last one has been used. `is_secure`: browsers
        reach the page over TLS."""
        self._announce = announce
        self.is_secure = is_secure
        self._secrets: set[str] = set()
        self._token = ""
        self._renew()

    def open(self, token: str) -> str | None:
        """The secret of a new session if the token is valid, else None. The token cannot be used again."""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        self._secrets.add(secret)
        self._renew()
        return secret

    def is_open(self, secret: str) -> bool:
        """Whether this is the secret of a session."""
        return any(hmac.compare_digest(secret.encode(), known.encode()) for known in tuple(self._secrets))

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self._announce(self._token)
