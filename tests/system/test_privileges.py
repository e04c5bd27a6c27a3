"""Root's rights are given up for the service's folders; one file can still be written."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

USER = 64321
"""The number of a user that does not exist on this machine."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_root(script: str, *arguments: object) -> str:
    """Runs a script where the service is installed. Returns what it prints."""
    installed = f"""
    import os, pwd, sys
    from pathlib import Path
    from edge_daemon.system import privileges
    pwd.getpwnam = lambda name: pwd.struct_passwd((name, "x", {USER}, {USER}, "", "/nonexistent", "/bin/false"))
    """
    command = [sys.executable, "-c", textwrap.dedent(installed) + textwrap.dedent(script), *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_DIRECTORY")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_root
def test_it_is_the_services_user_from_then_on(tmp_path: Path) -> None:
    """User and groups are those of the service, its folders are the daemon's, and a file of root cannot be changed."""
    mine = tmp_path / "mine"
    mine.write_text("root's")
    mine.chmod(0o600)
    printed = as_root(
        """
        os.environ["XDG_RUNTIME_DIR"] = "/run/user/0"
        privileges.become_service_user()
        from edge_daemon.system import folders
        print(os.getresuid(), os.getresgid(), os.getgroups(), folders.state_folder(), folders.runtime_folder())
        try:
            Path(sys.argv[1]).write_text("changed")
        except PermissionError:
            print("refused")
        """,
        mine,
    )
    assert printed == f"{(USER,) * 3} {(USER,) * 3} [{USER}] /var/lib/edge-daemon /run/edge-daemon\nrefused\n"
    assert mine.read_text() == "root's"


@needs_root
def test_one_file_can_still_be_replaced(tmp_path: Path) -> None:
    """With its owner and mode, and no other file; an error is told by its number."""
    config = tmp_path / "config.toml"
    config.write_text("old")
    config.chmod(0o640)
    printed = as_root(
        """
        write = privileges.keep_writing(Path(sys.argv[1]))
        privileges.become_service_user()
        write(Path(sys.argv[1]), b"new")
        """,
        config,
    )
    assert (printed, config.read_text()) == ("", "new")
    assert (config.stat().st_mode & 0o777, config.stat().st_uid) == (0o640, 0)
    printed = as_root(
        """
        write = privileges.keep_writing(Path(sys.argv[1]))
        privileges.become_service_user()
        try:
            write(Path(sys.argv[1]), b"new")
        except FileNotFoundError:
            print("told")
        """,
        tmp_path / "none/config.toml",
    )
    assert printed == "told\n"


@needs_root
def test_secret_files_of_the_service_are_handed_over(tmp_path: Path) -> None:
    """A password that only root can read is found and read by name, as in the service; at the end no copy is left."""
    (tmp_path / "mqtt-password").write_text("secret\n")
    (tmp_path / "mqtt-password").chmod(0o600)
    printed = as_root(
        """
        from edge_daemon.system import credentials
        privileges.CREDENTIALS = credentials.CREDENTIALS = Path(sys.argv[1])
        privileges.hand_over_credentials()
        privileges.become_service_user()
        print(credentials.find_credential("mqtt-password").read_text().strip())
        folder = os.environ["CREDENTIALS_DIRECTORY"]
        print(oct(Path(folder).stat().st_mode), folder)
        """,
        tmp_path,
    )
    password, mode, folder = printed.split()
    assert (password, mode) == ("secret", "0o40700")
    assert not Path(folder).exists()


def test_without_the_service_nothing_changes(tmp_path: Path) -> None:
    """For another user, or where no service is installed, the process stays what it is."""
    from edge_daemon.system import privileges

    if privileges.service_user():
        pytest.skip("this is root, on a machine with the service")
    before = os.getresuid(), dict(os.environ)
    privileges.become_service_user()
    assert (os.getresuid(), dict(os.environ)) == before
    (tmp_path / "file").write_text("old")
    privileges.keep_writing(tmp_path / "file")(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_text() == "new"
