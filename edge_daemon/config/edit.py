"""Change keys of a TOML file and leave all else in it, comments too, as a person wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping


def with_keys(text: str, section: str, keys: Mapping[str, str]) -> str:
    """`text` with each key of [section] set: its new line (`key = value`) stands where the old one stood, or else at
    the end of the section, or of the text. A value that goes on over several lines must not be there already."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if re.match(rf"\s*\[{section}\]", line)), None)
    if start is None:
        return "\n".join([text.rstrip("\n"), "", f"[{section}]", *keys.values(), ""]).lstrip("\n")
    end = next((i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
    last = start
    left = dict(keys)
    for i in range(start + 1, end):
        key = re.match(r"\s*([A-Za-z0-9_-]+)\s*=", lines[i])
        if key:
            last = i
            lines[i] = left.pop(key[1], lines[i])
    return "\n".join([*lines[: last + 1], *left.values(), *lines[last + 1 :]])
