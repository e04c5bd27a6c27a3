"""If the configuration cannot be used at the start, the daemon runs with the last good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.config.last_good import ConfigFile
from edge_daemon.errors import ConfigError

GOOD = '[device]\nid = "dock3"\n'


def run_with(file: Path, copy: Path) -> None:
    """The daemon loads the file and reads a frame."""
    configuration = ConfigFile(file, copy)
    configuration.load_to_run()
    configuration.save_copy()


def test_what_was_loaded_is_copied(tmp_path: Path) -> None:
    """Not what stands in the file later, nor what was loaded only to see whether it can be used."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    file.write_text(GOOD)
    configuration = ConfigFile(file, copy)
    configuration.load_to_run()
    file.write_text('[device]\nid = "dock4"\n')
    configuration.load()
    configuration.save_copy()
    assert copy.read_text().endswith(GOOD)


def test_the_last_good_copy_runs(tmp_path: Path) -> None:
    """The file has a typo, is binary, or is gone: the copy is used, and the reason is returned."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    file.write_text(GOOD)
    configuration = ConfigFile(file, copy)
    assert configuration.load_at_start()[1] == ""
    configuration.save_copy()
    assert copy.stat().st_mode & 0o077 == 0
    for damage in (b'[device]\nidd = "x"\n', b"\x00\xff\xfe", None):
        file.unlink() if damage is None else file.write_bytes(damage)
        config, wrong = ConfigFile(file, copy).load_at_start()
        assert config.device == "dock3"
        assert str(file) in wrong


def test_a_link_to_itself(tmp_path: Path) -> None:
    """In place of the file: it is reported as any other file that cannot be read, and the copy runs."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    file.write_text(GOOD)
    run_with(file, copy)
    file.unlink()
    file.symlink_to(file.name)
    config, wrong = ConfigFile(file, copy).load_at_start()
    assert config.device == "dock3"
    assert str(file) in wrong


def test_without_a_copy_the_error_is_raised(tmp_path: Path) -> None:
    """There is no copy, it is of another file, or it is damaged as well."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    other = tmp_path / "other.toml"
    other.write_text(GOOD)
    file.write_text("nonsense")
    for prepare in (lambda: None, lambda: run_with(other, copy), lambda: copy.write_text("nonsense")):
        prepare()
        with pytest.raises(ConfigError):
            ConfigFile(file, copy).load_at_start()


def test_an_unchanged_file_is_not_copied_again(tmp_path: Path) -> None:
    """A start writes nothing to the disk."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    file.write_text(GOOD)
    run_with(file, copy)
    before = copy.stat().st_ino
    run_with(file, copy)
    assert copy.stat().st_ino == before
    file.write_text(GOOD + "\n")
    run_with(file, copy)
    assert copy.stat().st_ino != before
