"""Calibrates, converts and compares a trained strip network, and writes it with its golden strips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from edge_daemon.inference.network import softmax
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.recognition.ink import contrast
from edge_daemon.recognition.lines import line_recognizer
from edge_daemon.sources.simulated import handwriting
from edge_daemon.tools.evaluate import calibration_gap
from scripts.training.common import convert, manifest, runtimes
from scripts.training.strips import net

NAME = "strips"
GOLDEN = ("2021", "905", "38", "117000", "64", "")
"""Texts of the golden strips."""


class Samples(NamedTuple):
    """Strips and their texts."""

    x: NDArray[np.uint8]
    """(n, HEIGHT, WIDTH)"""
    texts: list[str]


def write(folder: Path, work: Path, version: str, model: Any, sample: NDArray[np.uint8], check: Samples) -> Path:
    """Write the int8 network into `folder`, the same with the float32 one into `work`; returns the first's manifest.

    `sample` (n, HEIGHT, WIDTH) is typical input, for the quantisation; `check` is of held-back writers and fonts.
    """
    networks = convert.to_tflite(model, sample, net.build)
    outputs = {kind: logits(content, check.x) for kind, content in networks.items()}
    heat = {kind: temperature(out, check.texts) for kind, out in outputs.items()}
    golden = golden_strips()
    sheet = cv2.imencode(".png", golden.reshape(-1, line_recognizer.WIDTH))[1].tobytes()
    shown = softmax(logits(networks["int8"], golden), heat["int8"])
    facts = {
        "temperature": heat,
        "strip": line_recognizer.VERSION,
        "figures": {
            "held back": {kind: figures(out, heat[kind], check.texts) for kind, out in outputs.items()},
            "runtimes": differences(networks, check.x[::10]),
        },
        "golden": [[round(float(p), 4) for p in row] for row in shown.max(axis=1)],
    }
    manifest.save(work, NAME, version, networks, sheet, facts)
    return manifest.save(folder, NAME, version, {"int8": networks["int8"]}, sheet, facts)


def logits(content: bytes, x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, FRAMES, SCORES), on the interpreter that the daemon uses."""
    outputs = line_recognizer.network(find_runtime(), content, "the network").logits(x)
    return outputs.reshape(-1, line_recognizer.FRAMES, line_recognizer.SCORES)


def temperature(outputs: NDArray[np.float32], texts: Sequence[str]) -> float:
    """The divisor of logits with the greatest likelihood of the texts, over all alignments (CTC)."""
    tried = np.exp(np.linspace(np.log(0.5), np.log(3.0), 40))
    truth = net.targets(texts)
    losses = [np.minimum(np.asarray(net.loss(truth, outputs / np.float32(t))), 20.0).mean() for t in tried]
    return round(float(tried[int(np.argmin(losses))]), 3)


def figures(outputs: NDArray[np.float32], heat: float, texts: Sequence[str]) -> dict[str, float]:
    """Share of correct texts, and expected calibration error."""
    best = [line_recognizer.decode_texts(softmax(out, heat))[0] for out in outputs]
    right = np.array([text == truth for (text, _), truth in zip(best, texts, strict=True)])
    sure = np.array([chance for _, chance in best])
    return {
        "right": round(float(right.mean()), 4),
        "calibration error": round(calibration_gap(sure, right), 4),
    }


def differences(networks: dict[str, bytes], x: NDArray[np.uint8]) -> dict[str, float]:
    """For each pair of (kind on package) the share of strips that both read alike."""
    read = {}
    for name, out in runtimes.logits_by_runtime(networks, x, line_recognizer.network).items():
        rows = out.reshape(-1, line_recognizer.FRAMES, line_recognizer.SCORES)
        read[name] = [line_recognizer.decode_texts(softmax(row, 1.0))[0][0] for row in rows]
    return {
        f"{a} = {b}": round(float(np.mean([p == q for p, q in zip(read[a], read[b], strict=True)])), 4)
        for a, b in combinations(read, 2)
    }


def golden_strips() -> NDArray[np.uint8]:
    """The golden strips, drawn by the project: the answers of an intact network are known."""
    return np.stack([draw_strip(handwriting.Writer(seed), text) for seed, text in enumerate(GOLDEN)])


def draw_strip(writer: handwriting.Writer, text: str, gap: float = 0.0) -> Grey:
    """A number on plain paper as a strip; `gap` (in heights) moves digits apart, or, below 0, into each other."""
    page = np.full((60, 300), 215, np.uint8)
    x = 12.0
    for char in text:
        number = writer.number(char, 36)
        handwriting.draw(page, [s + np.array([x, 12], np.float32) for s in number.strokes], 3.5, 60)
        x += number.boxes[0][2] + (0.22 + gap) * 36
    strip = line_recognizer.cut_strip(contrast(page), (0, 0, max(60, int(x + 6)), 60))
    assert strip is not None
    return strip
