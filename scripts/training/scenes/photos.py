"""Scenes from photographs without digits: the wallpapers of Debian packages.

Drawn textures are simpler than leaves, roofs and fur through a real lens: a sieve trained without photographs finds 1s
in grass.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey
from scripts.training.scenes import backgrounds
from scripts.training.scenes.scene import Scene

PACKAGES = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds", "ukui-wallpapers")
"""All in Debian main; licences by picture (CC BY 4.0, CC BY-SA 4.0, CC0, GPL) in their copyright files."""
SHOWS_DIGITS = ("greentock_by_Peter_Nerlich", "focal-ubuntukylin", "firstgeneration")
_DRAWN = ("abstract", "desktop")
_ROOT = Path("/usr/share")


def missing(root: Path = _ROOT) -> list[str]:
    """The packages that are not installed."""
    return [package for package in PACKAGES if not (root / "doc" / package).is_dir()]


def files(root: Path = _ROOT) -> list[Path]:
    """Pictures of the packages in a fixed order, without those that show digits or hardly anything."""
    found = sorted((root / "backgrounds").rglob("*.jpg")) + sorted((root / "backgrounds").glob("*.png"))
    return [p for p in found if p.stem not in SHOWS_DIGITS and p.parent.name not in _DRAWN]


@lru_cache(maxsize=8)
def _picture(path: Path) -> Grey:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SystemExit(f"{path} cannot be read as a picture; reinstall its Debian package")
    scale = min(1.0, 2400 / max(picture.shape))
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def make_scene(rng: Generator, paths: list[Path]) -> Scene:
    """A random part of a random photograph at a random size; it contains no digit."""
    picture = _picture(paths[rng.integers(len(paths))])
    height, width = picture.shape
    share = float(np.exp(rng.uniform(np.log(0.15), 0.0)))
    h, w = max(120, int(share * height)), max(160, int(share * width))
    y, x = int(rng.integers(max(1, height - h))), int(rng.integers(max(1, width - w)))
    part = picture[y : y + h, x : x + w][:, :: int(rng.choice([-1, 1]))]
    scale = float(np.exp(rng.uniform(np.log(320), np.log(1280)))) / max(part.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    light = part.astype(np.float32) / 255
    return Scene(backgrounds.photograph(rng, light), np.zeros(part.shape, np.uint16), np.zeros(1, np.int64), ())


if __name__ == "__main__":
    print(*missing())
