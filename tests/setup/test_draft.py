"""The draft of the configuration: kept until it is written, and given up when the file was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.config.file import default_text
from edge_daemon.errors import ConfigError
from edge_daemon.setup.draft import ConfigDraft, write_new_or_old
from edge_daemon.system import atomic

TEXT = '# mine\n[camera]\nsource = "simulated"  # for now\n'


def test_it_is_taken_up_again(tmp_path: Path) -> None:
    """The answers and the steps that are done are there; the file itself is as it was."""
    (tmp_path / "my.toml").write_text(TEXT)
    draft = ConfigDraft(tmp_path / "my.toml", tmp_path / "setup")
    draft.set("device", {"id": "dock3"})
    draft.mark_done("camera")
    again = ConfigDraft(tmp_path / "my.toml", tmp_path / "setup")
    assert (again.is_resumed, again.config.device, again.done) == (True, "dock3", ["camera"])
    assert (tmp_path / "my.toml").read_text() == TEXT
    assert again.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("target", ["my.toml", "other.toml"])
def test_it_is_given_up(tmp_path: Path, target: str) -> None:
    """After somebody has edited the file, or for another file."""
    (tmp_path / "my.toml").write_text(TEXT)
    draft = ConfigDraft(tmp_path / "my.toml", tmp_path / "setup")
    draft.set("device", {"id": "dock3"})
    (tmp_path / target).write_text(TEXT + "# edited\n")
    again = ConfigDraft(tmp_path / target, tmp_path / "setup")
    assert (again.is_resumed, again.done) == (False, [])
    assert again.path.read_text() == TEXT + "# edited\n"


def test_it_is_written_with_its_comments(tmp_path: Path) -> None:
    """Once written it can still be taken up again; once discarded it cannot."""
    (tmp_path / "my.toml").write_text(TEXT)
    draft = ConfigDraft(tmp_path / "my.toml", tmp_path / "setup")
    draft.set("camera", {"seed": 3})
    draft.publish(atomic.rewrite)
    assert (tmp_path / "my.toml").read_text() == TEXT + "seed = 3\n"
    assert ConfigDraft(tmp_path / "my.toml", tmp_path / "setup").is_resumed
    draft.discard()
    assert not ConfigDraft(tmp_path / "my.toml", tmp_path / "setup").is_resumed


def test_a_new_file_has_every_key_explained(tmp_path: Path) -> None:
    """Where there is no configuration the default one is the beginning."""
    draft = ConfigDraft(tmp_path / "my.toml", tmp_path / "setup")
    assert draft.path.read_text() == default_text()
    draft.publish(write_new_or_old)
    assert (tmp_path / "my.toml").read_text() == default_text()


def test_a_wrong_key_changes_nothing(tmp_path: Path) -> None:
    """The error says what is expected, and the draft stays."""
    draft = ConfigDraft(tmp_path / "my.toml", tmp_path / "setup")
    with pytest.raises(ConfigError, match="expected"):
        draft.set("mqtt", {"url": "http://wrong"})
    assert draft.path.read_text() == default_text()
