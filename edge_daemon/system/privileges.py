"""Gives up root's rights, for commands that a person runs with sudo and that work in the service's folders.

What lies there may be planted by whoever has taken over the service, and the page of `preview` is a server: neither
should act as root.
"""

from __future__ import annotations

import atexit
import errno
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import NoReturn

from edge_daemon.system import atomic
from edge_daemon.system.credentials import CREDENTIALS
from edge_daemon.system.folders import SERVICE_RUNTIME, SERVICE_STATE

SERVICE_USER = "edge-daemon"
"""The service's user (User= in its unit)."""
MEMORY = "/dev/shm"
"""A folder in memory in which everybody can make files, and remove only their own."""
SECRETS = ("mqtt-password", "mqtt-key")
"""Names of the credentials in the service's unit (LoadCredential=)."""
LARGEST = 1024 * 1024
"""Bytes that are accepted as the new content of a file."""

Action = Callable[[bytes], None]
"""One thing that is done with a content, such as the new text of one file. Raises OSError."""
Write = Callable[[Path, bytes], None]
"""Replaces a file durably, as atomic.rewrite does. Raises OSError."""


def service_user() -> pwd.struct_passwd | None:
    """The service's user, where this process is root's and the service is installed."""
    try:
        return pwd.getpwnam(SERVICE_USER) if os.geteuid() == 0 else None
    except KeyError:
        return None


def become_service_user() -> None:
    """Go on as the service's user, in its folders, where this process is root's and the service is installed."""
    user = service_user()
    if user is None:
        return
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ.pop("XDG_RUNTIME_DIR", None)
    os.environ["HOME"] = user.pw_dir
    os.environ.setdefault("STATE_DIRECTORY", str(SERVICE_STATE))
    os.environ.setdefault("RUNTIME_DIRECTORY", str(SERVICE_RUNTIME))


def hand_over_credentials() -> None:
    """Copy the service's secret files to where its user can read them, as systemd does for the service.

    They are in memory, and are removed when this process ends. Call it before become_service_user. Raises OSError.
    """
    user = service_user()
    if user is None or "CREDENTIALS_DIRECTORY" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in SECRETS:
        with suppress(FileNotFoundError):
            atomic.write_synced(folder / name, (CREDENTIALS / name).read_bytes(), mode=0o400)
            os.chown(folder / name, user.pw_uid, user.pw_gid)
    os.chown(folder, user.pw_uid, user.pw_gid)
    os.environ["CREDENTIALS_DIRECTORY"] = str(folder)


def keep_writing(path: Path) -> Write:
    """A function that replaces this one file with the rights that the process has now, whatever it becomes later.

    Call it before any thread is started: see `keep`.
    """
    replace = keep(partial(atomic.rewrite, path))

    def write(wanted: Path, content: bytes) -> None:
        assert wanted == path
        replace(content)

    return write


def keep(action: Action) -> Action:
    """`action`, with the rights that the process has now, whatever it becomes later. It raises OSError only.

    Call it before any thread is started: where it is needed, a child process does the work. It ends with this process.
    """
    if service_user() is None:
        return action
    ours, its = Pipe()
    if os.fork() == 0:
        ours.close()
        _serve(its, action)
    its.close()

    def request(content: bytes) -> None:
        ours.send_bytes(content)
        if code := int(ours.recv_bytes(LARGEST)):
            raise OSError(code, os.strerror(code))

    return request


def _serve(requests: Connection, action: Action) -> NoReturn:
    """The child: calls the action with each content, answers with its error number. Nothing that it receives is run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    while True:
        try:
            content = requests.recv_bytes(LARGEST)
            requests.send_bytes(str(_error_number(action, content)).encode())
        except (EOFError, OSError):
            os._exit(0)


def _error_number(action: Action, content: bytes) -> int:
    """Call the action. Returns the number of its error; 0: it is done."""
    try:
        action(content)
    except OSError as error:
        return error.errno or errno.EIO
    return 0
