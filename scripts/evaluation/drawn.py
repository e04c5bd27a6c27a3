"""Pictures that the project draws itself, by condition, each with its truth: what CI measures, for photos stay outside.

Numbers by the writers of edge_daemon.sources.simulated.handwriting, in a scene that one thing makes hard. Seeded:
always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.sources.simulated import handwriting

PICTURES = 6
"""Pictures of each condition."""
SIZE = 640, 480
Lines = list[list[str]]


def write(folder: Path) -> None:
    """Writes a folder for each condition, with pictures (PNG) and truth.json."""
    for condition in CONDITIONS:
        place = folder / condition.__name__
        place.mkdir(parents=True)
        truth = {}
        for i in range(PICTURES):
            picture, lines = condition(np.random.default_rng([i, *condition.__name__.encode()]))
            cv2.imwrite(str(place / f"{i}.png"), picture)
            truth[f"{i}.png"] = {"lines": lines}
        (place / "truth.json").write_text(json.dumps(truth))


def plain(rng: Generator) -> tuple[Grey, Lines]:
    return written(rng, blank())


def light_on_dark(rng: Generator) -> tuple[Grey, Lines]:
    """Chalk."""
    picture, lines = written(rng, blank())
    return np.asarray(255 - picture, np.uint8), lines


def ruled(rng: Generator) -> tuple[Grey, Lines]:
    return written(rng, ruling(rng, squared=False))


def squared(rng: Generator) -> tuple[Grey, Lines]:
    return written(rng, ruling(rng, squared=True))


def boxes(rng: Generator) -> tuple[Grey, Lines]:
    """A form: each digit in a box of its own."""
    canvas, lines, pitch = blank(), [], 52
    for row in range(3):
        text, x, y = number(rng, 4), 60, 60 + row * 130
        for i in range(len(text) + 1):
            cv2.line(canvas, (x + i * pitch, y), (x + i * pitch, y + 62), (90,), 2)
        for edge in (y, y + 62):
            cv2.line(canvas, (x, edge), (x + len(text) * pitch, edge), (90,), 2)
        for i, digit in enumerate(text):
            put(canvas, rng, digit, (x + i * pitch + 14, y + 11), 40, 3.0)
        lines.append([text])
    return canvas, lines


def slanted(rng: Generator) -> tuple[Grey, Lines]:
    """Rising lines."""
    picture, lines = written(rng, blank())
    turn = cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), float(rng.uniform(4, 7)), 0.9)
    return np.asarray(cv2.warpAffine(picture, turn, SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8), lines


def faint(rng: Generator) -> tuple[Grey, Lines]:
    """A hard pencil."""
    return written(rng, blank(), pen=1.8, ink=165)


def thick(rng: Generator) -> tuple[Grey, Lines]:
    """A marker."""
    return written(rng, blank(), height=64, pen=10.0)


def small(rng: Generator) -> tuple[Grey, Lines]:
    """15 px high."""
    return written(rng, blank(), height=15, pen=1.6)


def uneven_light(rng: Generator) -> tuple[Grey, Lines]:
    """A lamp at one side, and a hard shadow across."""
    picture, lines = written(rng, blank())
    light: NDArray[np.float64] = np.ones((SIZE[1], 1)) * np.linspace(1.0, 0.45, SIZE[0])
    light[int(rng.integers(120, 360)) :] *= 0.6
    return np.asarray(picture * light, np.uint8), lines


def camera(rng: Generator) -> tuple[Grey, Lines]:
    """Photographed from the side, out of focus, with noise."""
    picture, lines = written(rng, blank(), height=48, pen=4.0)
    w, h = SIZE
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    moved = corners + rng.uniform(0, 50, (4, 2)).astype(np.float32) * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    onto = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    seen = cv2.warpPerspective(picture, onto, SIZE, borderMode=cv2.BORDER_REPLICATE)
    grain = cv2.GaussianBlur(seen, (0, 0), 1.6) + rng.normal(0, 5, (h, w))
    return np.asarray(np.clip(grain, 0, 255), np.uint8), lines


def on_its_side(rng: Generator) -> tuple[Grey, Lines]:
    picture, lines = written(rng, blank(), texts=["2347", "4723", "7352"])
    return np.ascontiguousarray(np.rot90(picture, int(rng.choice([1, 3])))), lines


def scattered(rng: Generator) -> tuple[Grey, Lines]:
    """Single digits far apart."""
    canvas, lines = blank(), []
    for y in (50, 200, 350):
        row = [str(d) for d in rng.integers(0, 10, 4)]
        for i, digit in enumerate(row):
            put(canvas, rng, digit, (60 + 150 * i + int(rng.integers(-15, 15)), y + int(rng.integers(-8, 8))), 48, 3.5)
        lines.append(row)
    return canvas, lines


def in_a_field(rng: Generator) -> tuple[Grey, Lines]:
    """One line in a loose box, its digits close together."""
    text = number(rng, 5)
    canvas = blank((260, 64))
    put(canvas, rng, text, (24, 14), 36, 3.0)
    return canvas, [[text]]


def no_number(rng: Generator) -> tuple[Grey, Lines]:
    """Arrows, zigzags, rings and a table: no numbers."""
    canvas = ruling(rng, squared=bool(rng.integers(2)))
    for _ in range(5):
        x, y = rng.uniform(60, 520), rng.uniform(60, 380)
        zigzag = np.array([(x + 14 * i, y + (22 if i % 2 else -22) + rng.normal(0, 3)) for i in range(7)])
        angles = np.linspace(0, 6.3, 30)
        ring = np.stack((x + 60 * np.cos(angles), y + 22 * np.sin(angles)), axis=1)
        arrow = np.array([(x, y), (x + 70, y - 40), (x + 50, y - 42), (x + 70, y - 40), (x + 62, y - 22)])
        shape = (zigzag, ring, arrow)[int(rng.integers(3))]
        handwriting.draw(canvas, [shape.astype(np.float32)], 3.0, 60)
    return canvas, []


Condition = Callable[[Generator], tuple[Grey, Lines]]
CONDITIONS: tuple[Condition, ...] = (
    plain,
    light_on_dark,
    ruled,
    squared,
    boxes,
    slanted,
    faint,
    thick,
    small,
    uneven_light,
    camera,
    on_its_side,
    scattered,
    in_a_field,
    no_number,
)


def blank(size: tuple[int, int] = SIZE) -> Grey:
    return np.full(size[::-1], 212, np.uint8)


def ruling(rng: Generator, squared: bool) -> Grey:
    canvas, pitch = blank(), int(rng.integers(24, 40))
    for y in range(pitch, SIZE[1], pitch):
        cv2.line(canvas, (0, y), (SIZE[0], y), (165,), 1)
    for x in range(pitch, SIZE[0], pitch) if squared else ():
        cv2.line(canvas, (x, 0), (x, SIZE[1]), (165,), 1)
    return canvas


def number(rng: Generator, digits: int) -> str:
    return "".join(map(str, rng.integers(0, 10, digits)))


def written(
    rng: Generator, canvas: Grey, *, height: int = 40, pen: float = 3.0, ink: int = 50, texts: list[str] | None = None
) -> tuple[Grey, Lines]:
    """Two numbers on each of three lines; with `texts`, one on each line."""
    lines = [[text] for text in texts] if texts else [[number(rng, 4), number(rng, 3)] for _ in range(3)]
    for row, line in enumerate(lines):
        for i, text in enumerate(line):
            at = 40 + 330 * i + int(rng.integers(0, 30)), 50 + 130 * row + int(rng.integers(-10, 10))
            put(canvas, rng, text, at, height, pen, ink)
    return canvas, lines


def put(canvas: Grey, rng: Generator, text: str, at: tuple[int, int], height: int, pen: float, ink: int = 50) -> None:
    """Draws a number with its top left corner there, by a random writer."""
    made = handwriting.Writer(int(rng.integers(1 << 31))).number(text, height)
    handwriting.draw(canvas, [stroke + np.array(at, np.float32) for stroke in made.strokes], pen, ink)
