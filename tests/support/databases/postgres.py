"""A real PostgreSQL in a folder of its own, on a free loopback port, as a user who is not root: it refuses root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.brokers.mosquitto import PATIENCE, free_port, until

USER = "postgres"
"""Of the machine, made by Debian's package, if root runs the tests; and of the database."""
PASSWORD = "a%secret"
"""Of the role `collector`, which needs one to log in."""
_LOGINS = """
host all collector 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


def _program(name: str) -> str:
    """The newest version's: Debian has them outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else name


class Postgres:
    """A PostgreSQL server as child process. It can be ended in any way and started again, with the same data."""

    def __init__(self) -> None:
        # not in pytest's folder, which only root may enter
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.port = free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"
        self._user = USER if os.getuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, USER)
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command = [_program("initdb"), f"--pgdata={self.folder}/data", *options]
        subprocess.run(command, user=self._user, check=True, capture_output=True, cwd="/")
        (self.folder / "data/pg_hba.conf").write_text(_LOGINS)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """Of the server, if it runs; its sessions are children."""
        return [self._process.pid] if self._process else []

    def start(self) -> None:
        """Returns when it answers."""
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options["fsync"] = "off"  # nobody ends the machine
        command = [_program("postgres"), "-D", f"{self.folder}/data"]
        command += [f"--{key}={value}" for key, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            # in a group of its own, with its sessions, for SIGKILL
            self._process = subprocess.Popen(command, user=self._user, stdout=log, stderr=log, cwd="/", process_group=0)
        until(self._answers)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: it ends its sessions and then itself. SIGKILL: it has to recover at the next start."""
        if self._process is not None:
            send = os.killpg if how is signal.SIGKILL else os.kill
            send(self._process.pid, how)
            self._process.wait(PATIENCE)
            self._process = None

    def query(self, query: str, *values: Any) -> list[Any]:
        """The rows of a query; those of one column as plain values."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            rows = cursor.fetchall() if cursor.description else []
        return [row[0] if len(row) == 1 else row for row in rows]

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        try:
            return self.query("SELECT 1") == [1]
        except psycopg.OperationalError:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()
            return False


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A running PostgreSQL, for all tests of a module."""
    postgres = Postgres()
    postgres.start()
    yield postgres
    postgres.close()


@pytest.fixture
def postgres(server: Postgres) -> Postgres:
    """A running PostgreSQL without the schema `edge_daemon`."""
    server.query("DROP SCHEMA IF EXISTS edge_daemon CASCADE")
    return server
