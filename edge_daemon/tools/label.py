"""Labels samples in the terminal, with one key for each: `edge-daemon label`."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import cv2
import numpy as np

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.on_device.samples import NOTHING, Sample, Samples

CHOICES = "abc"
"""Keys of the candidates."""
ENTER, ERASE = ("\r", "\n"), ("\x7f", "\b")
CLEAR = "\x1b[2J\x1b[H"
ROWS = 14
"""Lines of the terminal that a picture takes at most."""
COLUMNS = 78
"""Columns that it takes at most."""
BLACK = 232
"""The number of the terminal's darkest grey."""
SHADES = 24
"""Shades of grey that the terminal has."""


def label_all(samples: Samples, key: Callable[[], str], write: Callable[[str], None]) -> int:
    """Label samples until all are done or `q` is pressed. Returns how many were labelled. Raises SampleError.

    `key` waits for one key, `write` prints text.
    """
    waiting, done = list(samples.all(labelled=False)), list[tuple[str, Sample]]()
    while waiting:
        name, sample = waiting[0]
        write(CLEAR + screen(sample, len(done), len(waiting)))
        answer = ask_label(sample, key, write)
        if answer == "q":
            break
        if answer == "s":
            waiting.append(waiting.pop(0))
        elif answer == "z":
            if done:
                waiting.insert(0, done.pop())
                samples.label(waiting[0][0], None)
        else:
            samples.label(name, answer.removeprefix("="))
            done.append(waiting.pop(0))
    write(CLEAR)
    return len(done)


def ask_label(sample: Sample, key: Callable[[], str], write: Callable[[str], None]) -> str:
    """`=` and the label; or q, s or z."""
    texts = [text for text, _ in sample.candidates]
    typed = ""
    while True:
        pressed = key()
        if pressed in ENTER and (typed or texts):
            return f"={typed or texts[0]}"
        if pressed in tuple(DIGITS):
            typed += pressed
        elif pressed in ERASE:
            typed = typed[:-1]
        elif pressed and pressed in CHOICES[: len(texts)]:
            return f"={texts[CHOICES.index(pressed)]}"
        elif pressed == "n":
            return f"={NOTHING}"
        elif pressed in ("q", "s", "z"):
            return pressed
        write(f"\r\x1b[Kanother: {typed}" if typed else "\r\x1b[K")


def screen(sample: Sample, done: int, left: int) -> str:
    """The text of a screen: the picture, its candidates and the keys."""
    lettered = zip(CHOICES, sample.candidates, strict=False)
    choices = "   ".join(f"{letter}: {text} {share:.0%}" for letter, (text, share) in lettered)
    head = f"{sample.field}, {sample.why}; {done} labelled, {left} left"
    keys = "Enter: the first   digits: another   n: no number   s: skip   z: undo   q: end"
    return "\n".join([head, draw(sample.pixels), choices or "nothing was read", keys, ""])


def draw(pixels: Grey) -> str:
    """A picture as half-block characters in shades of grey, as large as fits into the terminal."""
    room = min(COLUMNS, shutil.get_terminal_size().columns - 2)
    scale = min(room / pixels.shape[1], 2 * ROWS / pixels.shape[0])
    size = max(1, round(pixels.shape[1] * scale)), max(2, 2 * round(pixels.shape[0] * scale / 2))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = (float(v) for v in np.percentile(small, (1, 99)))
    shades = BLACK + np.clip((small - low) / max(1.0, high - low) * (SHADES - 1), 0, SHADES - 1).astype(int)
    rows = zip(shades[::2], shades[1::2], strict=True)
    lines = ["".join(f"\x1b[38;5;{a};48;5;{b}m▀" for a, b in zip(*row, strict=True)) for row in rows]
    return "\n".join(f"{line}\x1b[0m" for line in lines)
