"""Tests stand alone: no test module is imported, and tests/support stays easy to look through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST = 20
"""Modules in one folder of tests/support at most."""


def imported(file: Path) -> Iterator[str]:
    """Full names of all that a file imports, `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_nothing_imports_a_test_module() -> None:
    """What two test modules need stands in tests/support."""
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    wrong = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name in imported(file)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    }
    assert not wrong


def test_support_folders_are_small() -> None:
    """At most LARGEST modules a folder."""
    support = ROOT / "tests/support"
    for folder in (support, *(path for path in support.iterdir() if path.is_dir())):
        assert len(list(folder.glob("[!_]*.py"))) <= LARGEST, folder
