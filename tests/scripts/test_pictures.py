"""The READMEs and their pictures: each picture can still be made, each link leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scripts.picturing import house
from scripts.picturing.browser import MISSING
from scripts.picturing.main import FOLDER, PICTURES, make

ROOT = Path(__file__).parents[2]
LARGEST = 1_500_000
"""Bytes of all pictures together, at most."""
LINES = 250
"""Lines of the front page, at most."""
NEEDS_BROWSER = {"front", "page", "report", "house"}


def readmes() -> list[Path]:
    tracked = subprocess.check_output(["git", "-C", ROOT, "ls-files", "-z", "*.md"], text=True).split("\0")
    return [ROOT / name for name in tracked if name]


def links(readme: Path) -> Iterator[str]:
    """Where it leads within the project, and the pictures that it shows."""
    for target in re.findall(r"\]\(([^)\s]+)\)", readme.read_text()):
        if not target.startswith(("http:", "https:")):
            yield target


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_can_be_made(name: str, tmp_path: Path) -> None:
    """From what the project itself draws, about as large as the one that is shown. If not: run scripts/pictures."""
    if name in NEEDS_BROWSER and not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip(MISSING)
    with Image.open(make(name, tmp_path)) as made, Image.open(FOLDER / f"{name}.webp") as kept:
        assert made.width == kept.width
        assert made.height == pytest.approx(kept.height, rel=0.2)
        assert len(made.getcolors(2**24) or []) > 100, "there is something in it"


def test_pictures_are_small_and_shown() -> None:
    """Together they are small, and each is on a page; there are no others."""
    kept = {path.stem: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(kept) == set(PICTURES)
    assert sum(kept.values()) < LARGEST
    shown = {Path(link).stem for readme in readmes() for link in links(readme) if link.endswith(".webp")}
    assert shown == set(PICTURES)


@pytest.mark.parametrize("readme", readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(readme: Path) -> None:
    """To a file or a folder that is there, and to a heading in it."""
    for link in links(readme):
        name, _, anchor = link.partition("#")
        target = readme.parent / name if name else readme
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_pictures_have_words() -> None:
    """For people who cannot see them."""
    for readme in readmes():
        assert not re.findall(r"!\[\]\(", readme.read_text()), readme


def test_the_front_page_is_short() -> None:
    """Everything else stands in the README of the folder that it speaks of."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= LINES


def test_every_room_is_in_the_picture_of_the_house() -> None:
    """With what it is, in its own words."""
    rooms = {path.parent.name for path in (ROOT / "edge_daemon").glob("*/__init__.py")}
    assert {room for floor in house.floors() for room in floor} >= rooms
    assert all(len(house.sentence(room)) > 3 for room in rooms)
