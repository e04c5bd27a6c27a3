"""A configuration that cannot be used at the start: the last one that ran does its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.config.last_good import ConfigFile
from edge_daemon.errors import ConfigError

GOOD = '[device]\nid = "dock3"\n'


def test_the_last_good_copy_runs(tmp_path: Path) -> None:
    """A file with a typo, one that is empty of sense, one that is gone: the copy runs, and why is told."""
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


def test_without_a_copy_the_error_is_raised(tmp_path: Path) -> None:
    """There is nothing to go on with: none was kept, or of another file, or it is damaged as well."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    other = tmp_path / "other.toml"
    other.write_text(GOOD)
    file.write_text("nonsense")
    for prepare in (lambda: None, ConfigFile(other, copy).save_copy, lambda: copy.write_text("nonsense")):
        prepare()
        with pytest.raises(ConfigError):
            ConfigFile(file, copy).load_at_start()


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    """A start costs no write."""
    file, copy = tmp_path / "c.toml", tmp_path / "last-good.toml"
    file.write_text(GOOD)
    ConfigFile(file, copy).save_copy()
    before = copy.stat().st_ino
    ConfigFile(file, copy).save_copy()
    assert copy.stat().st_ino == before
    file.write_text(GOOD + "\n")
    ConfigFile(file, copy).save_copy()
    assert copy.stat().st_ino != before
