"""The file that the page edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.preview import FILE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(FILE)
    return path
