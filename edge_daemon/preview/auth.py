"""Who may see the page: whoever opened the address that stands in the terminal. Each address opens it once."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

KEY = 24
"""Random bytes of a token."""


class Guard:
    """Tokens, each of which buys one session. Safe from any thread: what is shared are single dict operations."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        """`announce` is told each token; a new one when the last one has been used."""
        self._announce = announce
        self._sessions: set[str] = set()
        self._token = ""
        self._renew()

    def enter(self, token: str) -> str | None:
        """The new session's secret for a token that is good; it is spent with that."""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        session = secrets.token_urlsafe(KEY)
        self._sessions.add(session)
        self._renew()
        return session

    def knows(self, session: str) -> bool:
        return any(hmac.compare_digest(session.encode(), known.encode()) for known in tuple(self._sessions))

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(KEY)
        self._announce(self._token)
