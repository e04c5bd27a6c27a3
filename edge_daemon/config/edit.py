"""Changes keys of a TOML file and keeps everything else as a person wrote it: comments, order and spacing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from edge_daemon.config import file, schema
from edge_daemon.config.toml_lines import is_header, statements
from edge_daemon.errors import ConfigError
from edge_daemon.system import atomic
from edge_daemon.system.privileges import Write


def store_keys(path: Path, section: str, values: Mapping[str, Any]) -> None:
    """Write keys into [section] of a configuration file; None removes a key, all else in the file stays.

    Raises ConfigError where the file cannot be written, or would be wrong afterwards; then it stays as it is.
    """
    save(path, set_keys(file.read_text(path), section, values))


def save(path: Path, text: str, write: Write = atomic.rewrite) -> None:
    """Replace the file, completely or not at all; mode and owner stay. Raises ConfigError."""
    schema.parse(str(path), text)
    try:
        write(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be saved: {error.strerror}. Do you have permission to change it?") from None


def set_keys(text: str, section: str, values: Mapping[str, Any]) -> str:
    """`text` with these keys of [section]: in place, or else at the end of the section, or of the text."""
    lines = text.split("\n")
    there = next(blocks(text, {section: {}}), None)
    if there is None:
        return "\n".join([text.rstrip("\n"), "", edit_block(f"[{section}]\n", values)]).lstrip("\n")
    first, end = there
    lines[first:end] = edit_block("\n".join(lines[first:end]) + "\n", values).rstrip("\n").split("\n")
    return "\n".join(lines)


def blocks(text: str, header: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """The sections with one header, as TOML reads it: {"camera": {}} for [camera], {"field": [{}]} for [[field]].

    Of each the index of its first line, and of the line after its last key: comments that follow belong to no section.
    """
    first = end = None
    for line, statement, tables in statements(text):
        if is_header(statement):
            if first is not None and end is not None:
                yield first, end
            first = line - 1 if tables == header else None
        end = line - 1 + statement.count("\n")
    if first is not None and end is not None:
        yield first, end


def edit_block(block: str, values: Mapping[str, Any]) -> str:
    """One section as TOML text, with these keys; None removes a key. A key that has its value stays as it is."""
    document = tomlkit.parse(block)
    [section] = document.values()
    table: Any = section[0] if isinstance(section, list) else section
    for key, value in values.items():
        if value is None:
            table.pop(key, None)
        elif key not in table or table[key] != value:
            table[key] = value
    return tomlkit.dumps(document)
