"""Renders digits and letters with the fonts of Debian packages."""

from __future__ import annotations

import random
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from edge_daemon.domain import DIGITS, Grey

PACKAGES: dict[str, str] = {
    "fonts-dejavu-core": "truetype/dejavu",
    "fonts-liberation": "truetype/liberation",
    "fonts-freefont-ttf": "truetype/freefont",
    "fonts-urw-base35": "opentype/urw-base35",
    "fonts-open-sans": "truetype/open-sans",
    "fonts-roboto-unhinted": "truetype/roboto",
    "fonts-lato": "truetype/lato",
    "fonts-inconsolata": "truetype/inconsolata",
    "fonts-ocr-a": "truetype/ocr-a",
    "fonts-ocr-b": "opentype/ocr-b",
    "fonts-comic-neue": "opentype/comic-neue",
    "fonts-cabin": "opentype/cabin",
    "fonts-ebgaramond": "opentype/ebgaramond",
    "fonts-courier-prime": "opentype/courier-prime",
    "fonts-go": "fonts-go",
    "fonts-crosextra-carlito": "truetype/crosextra",
    "fonts-gfs-didot": "opentype/didot",
    "fonts-oldstandard": "truetype/fonts-oldstandard",
    "fonts-sil-andika": "truetype/andika",
    "fonts-sil-gentium-basic": "truetype/gentium-basic",
    "fonts-hack-ttf": "truetype/hack",
    "fonts-dosis": "opentype/dosis",
    "fonts-yanone-kaffeesatz": "opentype/yanone-kaffeesatz",
    "fonts-vollkorn": "truetype/vollkorn",
    "fonts-paratype": "truetype/paratype",
    "fonts-osifont": "truetype/osifont",
    "fonts-routed-gothic": "truetype/routed-gothic",
    "fonts-tuffy": "truetype/tuffy",
    "fonts-opendin": "truetype/opendin",
    "fonts-jura": "opentype/jura",
    "fonts-breip": "truetype/breip",
    "fonts-ecolier-court": "truetype/ecolier-court",
    "fonts-humor-sans": "truetype/humor-sans",
    "fonts-dancingscript": "opentype/dancingscript",
    "fonts-kristi": "truetype/kristi",
}
"""Debian package -> its folder under /usr/share/fonts. All in Debian main: free to render."""

LETTERS = "ACEFGHKLMNPRTUVWXYacdefhkmnprtuvwxy&@#%$?+-×÷=()[]{}*<>äéßñ"
"""Not digits. Letters that look like digits are left out: o O D Q l I i j J | / ! , s S z Z b B g q."""

_ROOT = Path("/usr/share/fonts")
_NO_TEXT = re.compile("Symbol|Dingbat|D050000L|Siz|Smallcaps|Fallback|OCRB[EFX]")


def missing(root: Path = _ROOT) -> list[str]:
    """The packages that are not installed."""
    return [package for package, folder in PACKAGES.items() if not (root / folder).is_dir()]


def files(root: Path = _ROOT) -> list[Path]:
    """Font files of the packages, in a fixed order."""
    found = [p for folder in PACKAGES.values() for p in sorted((root / folder).rglob("*.[to]tf"))]
    return [path for path in found if not _NO_TEXT.search(path.name)]


def split_held_back(found: list[Path], every: int = 12) -> tuple[list[Path], list[Path]]:
    """(for training, held back for measuring); split by folder, so that no font family is in both."""
    folders = sorted({path.parent for path in found})
    random.Random(4).shuffle(folders)
    held = set(folders[::every])
    return [p for p in found if p.parent not in held], [p for p in found if p.parent in held]


@lru_cache(maxsize=512)
def _font(path: Path, size: int):  # type: ignore[no-untyped-def]
    from PIL import ImageFont

    return ImageFont.truetype(str(path), size)


def render(path: Path, char: str, size: int = 48) -> Grey:
    """One character, (h, w) uint8, light on black, with a margin; all zero when the font lacks it."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (2 * size, 2 * size))
    ImageDraw.Draw(picture).text((size // 2, size // 4), char, fill=255, font=_font(path, size))
    return np.asarray(picture, np.uint8)


def render_character(path: Path, char: str, rng: Generator) -> Grey:
    """A printed character. Some zeros are slashed or dotted, as on forms and meters."""
    import cv2

    ink = render(path, char)
    if char == "0" and rng.random() < 0.12:
        ink = ink.copy()
        x, y, w, h = cv2.boundingRect(ink)
        if rng.random() < 0.6:
            cv2.line(ink, (x + 1, y + h - 2), (x + w - 2, y + 1), (255,), max(1, w // 10))
        else:
            cv2.circle(ink, (x + w // 2, y + h // 2), max(1, w // 9), (255,), -1)
    return ink


def random_character(label: int, rng: Generator) -> str:
    """A character of class 0..9, or any of LETTERS."""
    return DIGITS[label] if label < len(DIGITS) else LETTERS[rng.integers(len(LETTERS))]


if __name__ == "__main__":
    print(*missing())
