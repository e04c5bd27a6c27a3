"""Reads the text of a configuration file; an error says what to do. And that of the default configuration."""

from __future__ import annotations

import codecs
import errno
import grp
import os
import pwd
from importlib.resources import files
from pathlib import Path

from edge_daemon.errors import ConfigError
from edge_daemon.system import regular_file

LARGEST_FILE = 256 * 1024
"""Bytes. A larger file is not a configuration."""


def read_text(path: Path) -> str:
    """The file's text. Raises ConfigError."""
    try:
        data = regular_file.read(path, LARGEST_FILE)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: expected a configuration; got no such file. `edge-daemon config > {path}` writes one"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: expected a configuration file; got a directory") from None
    except PermissionError:
        raise ConfigError(f"{path}: {_missing_permission(path)}") from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            most = LARGEST_FILE // 1024
            raise ConfigError(f"{path}: expected at most {most} KB; got more. Is it the right file?") from None
        raise ConfigError(f"{path}: expected a readable file; got: {error.strerror}") from None
    if data.startswith(codecs.BOM_UTF8):
        raise ConfigError(f"{path}:1: expected UTF-8 without a byte order mark; got one. Save it without BOM")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise ConfigError(
            f"{path}:{line}: expected UTF-8; got the byte 0x{data[error.start]:02x}. Save it as UTF-8"
        ) from None


def default_text() -> str:
    """The default configuration, with every key explained."""
    return files("edge_daemon").joinpath("default.toml").read_text(encoding="utf-8")


def _missing_permission(path: Path) -> str:
    """Which user lacks permission, on the file or which folder above it, and the command that gives it."""
    user, group = _name_of(os.geteuid()), _group_of(os.getegid())
    for place in (*reversed(path.absolute().parents), path):
        wanted = os.R_OK if place == path else os.X_OK
        if not os.access(place, wanted, effective_ids=True):
            break
    may = "g+r" if place == path else "g+x"
    return (
        f"expected a file that the user {user} may read; {place} does not allow it. "
        f"As root: chgrp {group} {place} && chmod {may} {place}"
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_of(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
