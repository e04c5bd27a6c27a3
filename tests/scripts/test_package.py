"""The source distribution and the wheel, as `python -m build` makes them from the files under version control."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from edge_daemon import __version__
from tests.support.pictures.paper import write_page

ROOT = Path(__file__).parents[2]
MODELS = {path.name for path in (ROOT / "models").iterdir() if path.suffix in {".tflite", ".json", ".png"}}

pytestmark = pytest.mark.slow


def python(*arguments: str | Path, **environment: str) -> str:
    """The output of a Python process. Raises CalledProcessError."""
    command, env = [sys.executable, *map(str, arguments)], {**os.environ, **environment}
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution, and the wheel that is made from it."""
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z"], text=True).split("\0"):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    python("-m", "build", "--outdir", dist, tree)
    [source], [wheel] = dist.glob("*.tar.gz"), dist.glob("*.whl")
    return source, wheel


def test_their_names_have_the_version(built: tuple[Path, Path]) -> None:
    """It stands in one place, edge_daemon/__init__.py."""
    assert [path.name for path in built] == [
        f"edge_daemon-{__version__}.tar.gz",
        f"edge_daemon-{__version__}-py3-none-any.whl",
    ]


def test_both_hold_the_networks(built: tuple[Path, Path]) -> None:
    """Every network with its manifest and golden picture, and the configuration that explains every key."""
    source, wheel = built
    with tarfile.open(source) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert names >= MODELS | {"default.toml", "LICENSE"}
    with zipfile.ZipFile(wheel) as files:
        assert {Path(name).name for name in files.namelist() if name.startswith("edge_daemon/models/")} >= MODELS


def test_every_module_is_in_the_wheel(built: tuple[Path, Path]) -> None:
    """Also those of a room that is new: its package stands in pyproject.toml."""
    with zipfile.ZipFile(built[1]) as files:
        there = {name for name in files.namelist() if name.endswith(".py")}
    assert there == {str(path.relative_to(ROOT)) for path in (ROOT / "edge_daemon").rglob("*.py")}


def test_a_package_index_would_take_them(built: tuple[Path, Path]) -> None:
    """`twine check --strict`: the metadata is complete, and the description can be shown."""
    assert python("-m", "twine", "--no-color", "check", "--strict", *built).count("PASSED") == 2


def test_the_wheel_reads_a_picture(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Unpacked elsewhere, it runs without the source tree, as with `pipx run --spec . edge-daemon read`."""
    with zipfile.ZipFile(built[1]) as files:
        files.extractall(tmp_path)
    page, run = write_page(tmp_path, ("2021", 120, 80)), "from edge_daemon.cli.main import main; main()"
    where = python("-P", "-c", "import edge_daemon; print(edge_daemon.__file__)", PYTHONPATH=str(tmp_path))
    assert where.startswith(str(tmp_path))
    assert "2021" in python("-P", "-c", run, "read", page, PYTHONPATH=str(tmp_path))
