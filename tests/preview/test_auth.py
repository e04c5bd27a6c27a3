"""Tokens open sessions."""

from __future__ import annotations

from edge_daemon.preview.auth import Sessions


def test_each_token_opens_once() -> None:
    """It cannot be used again; the next one is announced then."""
    told: list[str] = []
    sessions = Sessions(told.append)
    assert sessions.open("wrong") is None
    secret = sessions.open(told[0])
    assert secret is not None
    assert sessions.is_open(secret)
    assert sessions.open(told[0]) is None
    assert len(told) == 2
    assert not sessions.is_open("")
