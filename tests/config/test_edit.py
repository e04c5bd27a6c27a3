"""Keys of a TOML file are changed; everything else in it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_daemon.config.edit import save, set_keys, store_keys
from edge_daemon.errors import ConfigError
from tests.support.preview import FILE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[camera]\na = 1\n"),
        ("[mqtt]\nx = 2", "[mqtt]\nx = 2\n\n[camera]\na = 1\n"),
        ("[camera]\n# only this\n\n[mqtt]\na = 3\n", "[camera]\na = 1\n# only this\n\n[mqtt]\na = 3\n"),
        ("[camera]\nb = 2\n\n\n[[field]]\n", "[camera]\nb = 2\na = 1\n\n\n[[field]]\n"),
    ],
    ids=["empty", "no section", "empty section", "another key"],
)
def test_where_a_new_key_goes(before: str, after: str) -> None:
    """Into its section; a section that is missing comes last; keys of the same name elsewhere stay."""
    assert set_keys(before, "camera", {"a": 1}) == after


def test_an_old_value_is_replaced_in_its_place() -> None:
    """Also one over several lines; comments, spacing and the other keys stay."""
    before = "[camera]  # mine\na = [\n  1,\n]\nb   = 2  # two\n# c\n"
    assert set_keys(before, "camera", {"a": (3, 4), "b": 5}) == "[camera]  # mine\na = [3, 4]\nb   = 5  # two\n# c\n"


def test_a_value_that_does_not_change_stays_as_it_was_written() -> None:
    """To the byte."""
    before = "[camera]\na = 0x10\nb = 'x'\n"
    assert set_keys(before, "camera", {"a": 16, "b": "x"}) == before


def test_a_file_that_would_be_wrong_stays_as_it_is(tmp_path: Path) -> None:
    """An unknown key elsewhere in it: refused, and nothing is written."""
    file = tmp_path / "c.toml"
    text = "[camera]\nwhite_balance = [1.0, 2.0]\nnonsense = 1\n"
    file.write_text(text)
    with pytest.raises(ConfigError):
        store_keys(file, "camera", {"white_balance": (1.8, 1.5)})
    assert file.read_text() == text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(FILE)
    return path


def test_saving_keeps_mode_and_link(file: Path, tmp_path: Path) -> None:
    """The file behind a link is replaced, its mode stays, and no other file is left in the folder."""
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    save(link, FILE + "# more\n")
    assert link.is_symlink()
    assert file.read_text().endswith("# more\n")
    assert file.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2


def test_wrong_fields_are_not_saved(file: Path) -> None:
    """The file stays as it is, and the problem is reported."""
    with pytest.raises(ConfigError, match="A-Z a-z"):
        save(file, FILE.replace('"units"', '"a/b"'))
    assert file.read_text() == FILE
