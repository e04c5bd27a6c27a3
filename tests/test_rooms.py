"""The rooms of the package: each says what it is for and names its door; importing the program is light.

Which room may import which is held by the contracts of import-linter in pyproject.toml, which scripts/check runs.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_daemon

PACKAGE = Path(edge_daemon.__file__).parent
ROOT = PACKAGE.parent
ROOMS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
HARDWARE = {"picamera2", "libcamera", "tflite_runtime", "ai_edge_litert"}
TOP = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "edge_daemon", "models", "scripts", "systemd", "tests"}
"""What stands at the top level of the project, beside names that begin with a dot; nothing else does."""
MOST = 20
"""Modules in one folder, at most."""


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Each module that a source file imports, and whether it does so at its top."""
    for node in ast.walk(tree := ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in tree.body) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            of_package = node.module.startswith("edge_daemon")
            modules = {f"{node.module}.{alias.name}" if of_package else node.module for alias in node.names}
            yield from ((module, node in tree.body) for module in modules)


def room_of(module: str) -> str | None:
    """The room, or room within a room, that a module is in."""
    found = [dotted(room) for room in ROOMS if module.startswith(f"{dotted(room)}.")]
    return max(found, key=len, default=None)


@pytest.mark.parametrize("room", ROOMS, ids=dotted)
def test_a_room_says_what_it_is_for_and_names_its_door(room: Path) -> None:
    """Its docstring has at least two sentences, and `__all__` names modules that are there."""
    door = importlib.import_module(dotted(room))
    assert (door.__doc__ or "").count(".") >= 2
    assert door.__all__
    assert all((room / f"{name}.py").is_file() or (room / name).is_dir() for name in door.__all__)


def test_other_rooms_come_in_through_the_door() -> None:
    """What is imported from another room is a module that the room's `__all__` names."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        for module, _ in imported(path):
            room = room_of(module)
            if room is None or dotted(path.parent) == room or dotted(path).startswith(f"{room}."):
                continue
            name = module.removeprefix(f"{room}.").split(".")[0]
            if name not in importlib.import_module(room).__all__:
                wrong.append(f"{dotted(path)} imports {module}")
    assert wrong == [], "add the module to `__all__` of its room, or import one that is there"


def test_the_map_names_files_that_are_there() -> None:
    """Each .py file that README.md of the package names exists in the package; <...> stands for a new one."""
    named = set(re.findall(r"[\w/]+\.py", re.sub(r"\S*<\S+", "", (PACKAGE / "README.md").read_text())))
    there = [f"/{path.relative_to(ROOT)}" for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("tests/**/*.py")]]
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in there)} == set()


def test_the_top_level_stays_as_it_is() -> None:
    """A new file or folder goes into one that is there; pictures of the READMEs are in .github/pictures."""
    tracked = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z"], text=True).split("\0")
    assert {Path(name).parts[0] for name in tracked if name and not name.startswith(".")} == TOP


def test_no_folder_is_crowded() -> None:
    """Nobody finds the way among more than twenty modules."""
    folders = {path.parent for top in ("edge_daemon", "scripts", "tests") for path in (ROOT / top).rglob("*.py")}
    assert {str(folder) for folder in folders if len(list(folder.glob("*.py"))) > MOST + 1} == set()


def test_every_room_is_installed() -> None:
    """pyproject.toml names each package: setuptools installs only those."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {dotted(room) for room in ROOMS} <= set(named)


def test_hardware_libraries_stay_behind_their_door() -> None:
    """No module imports a hardware library when it is itself imported."""
    for path in PACKAGE.rglob("*.py"):
        assert not {module.split(".")[0] for module, at_top in imported(path) if at_top} & HARDWARE, path


def test_help_needs_no_heavy_library() -> None:
    """`edge-daemon --help` imports neither numpy nor OpenCV: it answers at once, also on a small Pi."""
    code = "import sys, edge_daemon.cli.main; print([m for m in ('numpy', 'cv2', 'paho') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
