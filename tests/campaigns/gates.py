"""Runs real pictures through the quality gate: as they are, taken again, and degraded.

Most thresholds compare a field with its state when it was read, so each picture is its own reference. Taken again in
slightly other light, softer, noisier, compressed or a pixel aside, it should pass; dark, out of focus, under glare or a
hand, it should not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import cv2
import numpy as np

from edge_daemon.domain import Grey, Status
from edge_daemon.fields.quality import assess, assess_light, exposure, measure, measure_light
from edge_daemon.images import half_size, shrink
from edge_daemon.sources.pictures import Picture, pictures
from edge_daemon.sources.simulated.disturbances import Plane, glare, with_hand

LONGEST = 1280
"""Longer side in px: larger pictures are reduced to the size of a camera's frames."""
Way = Callable[[Grey], Grey]


def again(picture: Grey, light: float) -> Grey:
    """The same picture, as a camera would take it a moment later."""
    height, width = picture.shape
    move = np.array([[1, 0, 1], [0, 1, -1]], np.float32)
    moved = cv2.warpAffine(picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    taken = np.clip(cv2.GaussianBlur(moved, (0, 0), 0.6) * light + noise, 0, 255).astype(np.uint8)
    return np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], cv2.IMREAD_GRAYSCALE)
    )


def lit(picture: Grey, added: Plane) -> Grey:
    return np.asarray(np.clip(picture + added, 0, 255), np.uint8)


def covered(picture: Grey) -> Grey:
    """A hand over the middle, as bright as the picture's paper."""
    height, width = picture.shape
    light = np.full(picture.shape, np.percentile(picture, 90), np.float32)
    seen = with_hand(picture.astype(np.float32), light, (width / 2, height / 2))
    return np.asarray(np.clip(seen, 0, 255), np.uint8)


PASS: dict[str, Way] = {
    "again": lambda p: again(p, 1.0),
    "a fifth darker": lambda p: again(p, 0.8),
    "a fifth brighter": lambda p: again(p, 1.2),
}
SPOILED: dict[str, Way] = {
    "night": lambda p: (p * 0.02).astype(np.uint8),
    "out of focus": lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), 0.018 * p.shape[0]), np.uint8),
    "glare": lambda p: lit(p, glare(p.shape, (p.shape[1] / 2, p.shape[0] / 2))),
    "a hand": covered,
}


def statuses(picture: Grey) -> Iterator[tuple[str, Status]]:
    """The gate's status for a picture (h, w), by the way it was changed."""
    small = half_size(picture)
    yield "at first sight", assess_light(measure_light(small), None)
    good = measure(small, exposure(small))
    for name, way in (PASS | SPOILED).items():
        other = half_size(way(picture))
        yield name, assess(measure(other, exposure(other)), good)


def readable(paths: Sequence[str]) -> Iterator[tuple[str, Grey]]:
    """Each picture and its folder."""
    for shown in pictures(paths):
        if not isinstance(shown, Picture):
            raise click.ClickException(str(shown))
        yield Path(shown.name).parent.name, shrink(shown.pixels, LONGEST)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True))
def main(paths: Sequence[str]) -> None:
    """The quality gate's statuses for the pictures in PATHS, folder by folder."""
    said: dict[str, dict[str, Counter[str]]] = {}
    for folder, picture in readable(paths):
        for way, status in statuses(picture):
            said.setdefault(folder, {}).setdefault(way, Counter())[status.value] += 1
    for folder, ways in said.items():
        click.echo(folder)
        for way, counts in ways.items():
            click.echo(f"  {way:18} " + ", ".join(f"{status} {n}" for status, n in counts.most_common()))


if __name__ == "__main__":
    main(prog_name="scripts/campaign gates")
