"""One hard number after the other in the terminal, one key each: the engine of `edge-daemon label`."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import cv2
import numpy as np

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.on_device.samples import NOTHING, Sample, Samples

CHOICES = "abc"
ENTER, ERASE = ("\r", "\n"), ("\x7f", "\b")
CLEAR = "\x1b[2J\x1b[H"
ROWS, COLUMNS = 14, 78
"""Of the terminal, that a picture takes at most."""
BLACK, SHADES = 232, 24
"""The first of the terminal's shades of grey, and how many there are."""


def label_all(samples: Samples, key: Callable[[], str], write: Callable[[str], None]) -> int:
    """Ask until all are labelled or `q` comes; returns how many were. Raises SampleError.

    `key` waits for one key, `write` shows text.
    """
    waiting, done = list(samples.all(labelled=False)), list[tuple[str, Sample]]()
    while waiting:
        name, sample = waiting[0]
        write(CLEAR + shown(sample, len(done), len(waiting)))
        answer = asked(sample, key, write)
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


def asked(sample: Sample, key: Callable[[], str], write: Callable[[str], None]) -> str:
    """`=` and what is written there; or q, s or z."""
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


def shown(sample: Sample, done: int, left: int) -> str:
    """The picture and what may be said of it."""
    lettered = zip(CHOICES, sample.candidates, strict=False)
    choices = "   ".join(f"{letter}: {text} {share:.0%}" for letter, (text, share) in lettered)
    head = f"{sample.field}, {sample.why}; {done} labelled, {left} left"
    keys = "Enter: the first   digits: another   n: no number   s: skip   z: take back   q: end"
    return "\n".join([head, drawn(sample.pixels), choices or "nothing was read", keys, ""])


def drawn(pixels: Grey) -> str:
    """A picture in half blocks and shades of grey, as wide and high as the terminal has room."""
    room = min(COLUMNS, shutil.get_terminal_size().columns - 2)
    scale = min(room / pixels.shape[1], 2 * ROWS / pixels.shape[0])
    size = max(1, round(pixels.shape[1] * scale)), max(2, 2 * round(pixels.shape[0] * scale / 2))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = (float(v) for v in np.percentile(small, (1, 99)))
    shades = BLACK + np.clip((small - low) / max(1.0, high - low) * (SHADES - 1), 0, SHADES - 1).astype(int)
    rows = zip(shades[::2], shades[1::2], strict=True)
    lines = ["".join(f"\x1b[38;5;{a};48;5;{b}m▀" for a, b in zip(*row, strict=True)) for row in rows]
    return "\n".join(f"{line}\x1b[0m" for line in lines)
