"""Shows why a reading has its value and status, as text and as a picture: `edge-daemon explain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.decision.rules import explanations
from edge_daemon.domain import Candidate, Digit, Grey, Status
from edge_daemon.errors import ExplainError
from edge_daemon.images import decode_grey, resize_by
from edge_daemon.on_device.explain_log import SUFFIX, Explanation, logged_files, scaled
from edge_daemon.system import regular_file
from edge_daemon.tools.annotate import DIGIT, FONT, NUMBER, Colour

NEWEST = "last"
"""Stands for the newest reading."""
WIDTH = 720
"""Pixels of the picture's width."""
PAD = 16
"""Pixels of its margins."""
BLACK: Colour = (40, 40, 40)
PALE: Colour = (205, 205, 205)

WHY: Mapping[str, str] = {
    **explanations(),
    "ok": "nothing held it back: enough frames agreed, with enough confidence",
    "low_confidence": "the frames did not agree with enough confidence",
    "no_digits": "no digits were found",
    "wrong_format": "what was read does not fit `format`",
    "cut_off": "the number goes on beyond the border: draw the field larger, or move the camera",
    "too_dark": "it was too dark",
    "too_bright": "it was too bright: ink and paper could not be distinguished",
    "glare": "a reflection covered it",
    "blurred": "it was much less sharp than when it was last read",
    "obstructed": "a hand, a shadow or something else was in the way",
    "camera_moved": "the camera has moved since the field was drawn",
    "unreadable": "reading it failed, or has ended the program before; `problem` and the log say more",
    "stale": "the camera has given no pictures for a while",
    "disabled": "reading was switched off",
}
"""Status -> what held a reading back. A rule brings its own words (decision/rules.py)."""


def find(folders: Sequence[Path], which: str) -> Explanation:
    """The reading numbered `which`, or the newest ("last"), in the first of `folders` that holds any.

    Raises ExplainError, which says what there is.
    """
    for folder in folders:
        try:
            files = logged_files(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ExplainError(
                f"{folder}: {error.strerror}. Run this as the daemon's user, or as root: sudo -u ..."
            ) from None
        if files:
            return _read(files, which)
    places = " or ".join(str(folder) for folder in folders)
    raise ExplainError(f"no readings are kept in {places}. Does the daemon run, and has it read anything yet?")


def _read(files: Sequence[Path], which: str) -> Explanation:
    path = files[-1] if which == NEWEST else files[0].with_name(f"{which}{SUFFIX}")
    if path not in files:
        known = ", ".join(file.stem for file in files)
        raise ExplainError(f"reading {which} is no longer stored. Stored are {known}")
    try:
        return msgspec.json.decode(regular_file.read(path), type=Explanation)
    except (OSError, ValueError) as error:
        raise ExplainError(f"{path}: cannot be read: {error}") from None


def as_text(explanation: Explanation) -> list[str]:
    """The explanation as lines of text."""
    agreed, counted = explanation.votes
    lines = [f"reading {explanation.seq} of {explanation.field}: {explanation.status}, {WHY[explanation.status]}"]
    by = f"{explanation.model} on {explanation.backend}"
    lines.append(f"  seen       {_when(explanation.captured_at)}, {agreed} of {counted} frames agreed, {by}")
    if explanation.text is not None:
        read = f", read {_when(explanation.value_at)}" if explanation.value_at else ""
        lines.append(f"  accepted   {explanation.text}{read}")
    lines.append(f"  candidates {_shares(explanation.candidates) or 'none'}")
    lines += [f"  digit {i:<4} {_shares(digit.top)}" for i, digit in enumerate(explanation.digits, 1)]
    if explanation.seen_as is not Status.OK:
        lines.append(f"  picture    {_when(explanation.seen_at)}: {explanation.seen_as}, {WHY[explanation.seen_as]}")
    return lines


def _shares(candidates: Sequence[Candidate]) -> str:
    return "   ".join(f"{text} {share:.1%}" for text, share in candidates)


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain data, without the picture."""
    facts: dict[str, Any] = msgspec.to_builtins(explanation)
    del facts["picture"]
    return facts


def draw(explanation: Explanation) -> NDArray[np.uint8]:
    """One picture (h, w, 3): the text, the patch with its digits, and each digit with its three best candidates."""
    patch = decode_grey(explanation.picture)
    assert patch is not None, "the daemon wrote this picture itself"
    head, *rest = as_text(explanation)
    facts = [line.strip() for line in rest if not line.strip().startswith("digit")]
    bands = [_written([head, *facts]), _patch(patch, explanation.digits)]
    per_row = WIDTH // 180
    bands += [
        np.hstack([_digit(patch, digit) for digit in explanation.digits[i : i + per_row]])
        for i in range(0, len(explanation.digits), per_row)
    ]
    return np.vstack([_wide(band) for band in bands])


def save(picture: NDArray[np.uint8], path: Path) -> None:
    """Write a picture in the format of the file's suffix. Raises ExplainError."""
    try:
        path.write_bytes(cv2.imencode(path.suffix or ".png", picture)[1].tobytes())
    except cv2.error:
        raise ExplainError(f"{path}: not a picture format that can be written; try .png") from None
    except OSError as error:
        raise ExplainError(f"{path}: cannot be written: {error.strerror}") from None


def _written(lines: Sequence[str]) -> NDArray[np.uint8]:
    """Lines of text as a picture, the first one bold."""
    band = _white(PAD + 24 * len(lines), WIDTH)
    for i, line in enumerate(lines):
        _write(band, line, (PAD, PAD + 6 + 24 * i), 0.45, thick=1 + (i == 0))
    return band


def _patch(patch: Grey, digits: Sequence[Digit]) -> NDArray[np.uint8]:
    """The patch, enlarged, with boxes around the digits."""
    scale = min((WIDTH - 2 * PAD) / patch.shape[1], 6.0)
    large = resize_by(patch, scale, cv2.INTER_CUBIC)
    colour = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR)
    for digit in digits:
        x, y, w, h = scaled(digit.box, scale)
        cv2.rectangle(colour, (x, y), (x + w, y + h), DIGIT, 2)
    return _framed(colour.astype(np.uint8))


def _digit(patch: Grey, digit: Digit) -> NDArray[np.uint8]:
    """One digit's ink and its three best candidates with their confidence, 180 px wide."""
    cell = _white(130, 180)
    x, y, w, h = digit.box
    ink = patch[max(0, y) : y + h + 1, max(0, x) : x + w + 1]
    if ink.size:
        scale = min(96 / ink.shape[0], 72 / ink.shape[1])
        size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
        shown = cv2.cvtColor(cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR)
        cell[PAD : PAD + size[1], PAD : PAD + size[0]] = shown
    for i, (text, share) in enumerate(digit.top[:3]):
        top = PAD + 6 + 32 * i
        _write(cell, text, (96, top + 12), 0.6, thick=2)
        cv2.rectangle(cell, (112, top), (112 + 60, top + 8), PALE, cv2.FILLED)
        cv2.rectangle(cell, (112, top), (112 + round(60 * share), top + 8), NUMBER, cv2.FILLED)
        _write(cell, f"{share:.1%}", (112, top + 22), 0.35)
    return cell


def _write(band: NDArray[np.uint8], text: str, at: tuple[int, int], size: float, thick: int = 1) -> None:
    cv2.putText(band, text, at, FONT, size, BLACK, thick, cv2.LINE_AA)


def _white(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 255, np.uint8)


def _framed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(picture, ((PAD, PAD), (PAD, PAD), (0, 0)), constant_values=255)


def _wide(band: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(band, ((0, 0), (0, max(0, WIDTH - band.shape[1])), (0, 0)), constant_values=255)
