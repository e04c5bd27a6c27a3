"""Contact sheets of wrongly read pictures: what was read is drawn in, the truth is below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_daemon.domain import Grey
from edge_daemon.tools.annotate import annotate
from scripts.evaluation.causes import explain
from scripts.evaluation.readers import Reading
from scripts.evaluation.scores import Scored

TILE = 480, 360
"""Width and height of a picture on the sheet, px."""
ACROSS, DOWN = 4, 4
LEGEND = 40


def write(path: Path, folder: Path, pictures: Sequence[tuple[Scored, Reading]]) -> None:
    """One sheet (JPEG) of at most ACROSS * DOWN pictures that were read wrongly, the worst first."""
    wrong = sorted((p for p in pictures if p[0].read != p[0].truth), key=lambda p: -p[0].edits)[: ACROSS * DOWN]
    tiles = [tile(folder, scored, reading) for scored, reading in wrong]
    if not tiles:
        return
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % ACROSS)
    rows = [np.hstack(tiles[i : i + ACROSS]) for i in range(0, len(tiles), ACROSS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows))


def tile(folder: Path, scored: Scored, reading: Reading) -> Grey:
    picture = cv2.imread(str(folder / scored.name))
    assert picture is not None  # it was read before
    picture = annotate(np.asarray(picture, np.uint8), reading.numbers)
    scale = min(TILE[0] / picture.shape[1], TILE[1] / picture.shape[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    sheet = np.full((TILE[1] + LEGEND, TILE[0], 3), 255, np.uint8)
    sheet[: small.shape[0], : small.shape[1]] = small
    causes = [f"{cause}: {'+'.join(a)} {'+'.join(b)}" for cause, a, b in explain(scored.truth, scored.read) if cause]
    for i, text in enumerate((scored.name[:60], "; ".join(causes)[:75])):
        cv2.putText(sheet, text, (4, TILE[1] + 15 + 18 * i), 0, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet
