"""JSON that can always be written, whatever its texts contain."""

from __future__ import annotations

import json

import msgspec


def encode(value: object) -> bytes:
    """JSON of anything that msgspec can encode, in UTF-8.

    A half of a surrogate pair is not Unicode, and becomes "?". Python has them in the names of files that are not
    UTF-8, and these names occur in error messages.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
