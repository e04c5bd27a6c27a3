"""Converts a trained field network to int8, calibrates and compares it, and writes it with its golden strips."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.inference.runtime import find_runtime
from edge_daemon.recognition.lines import ctc, field_decoder, line_extent
from edge_daemon.recognition.lines.field_decoder import CUT, OTHER, SCORES, SYMBOLS
from edge_daemon.recognition.lines.field_recognizer import FRAMES, network
from edge_daemon.sources.simulated import handwriting
from scripts.training.common import convert, manifest, options, runtimes
from scripts.training.lines import net, shards

NAME = "lines"
VERSION = "0.4.0"
"""Default version of the model."""
GOLDEN = ("2021", "905", "-38", "11.70", "64", "")
"""Texts of the golden strips."""
TYPICAL = 600
"""Composed lines that are typical input, for the quantisation."""
CHECK = 2_000
"""Held-back lines for temperature and figures."""
COMPARED = 400
"""Held-back lines on which the runtime libraries are compared."""


def weights_path(work: Path) -> Path:
    """The file of the trained weights."""
    return work / "lines.weights.h5"


def state_path(work: Path) -> Path:
    """The file of the training's state."""
    return work / "lines-state.json"


def runs(work: Path) -> list[dict[str, float]]:
    """The run whose state is in a folder, after those whose weights it began with: seed, steps and minutes of each."""
    if not state_path(work).exists():
        return []
    state = json.loads(state_path(work).read_text())
    own = {name: state[name] for name in ("seed", "frozen") if name in state}
    own |= {"steps": state["step"], "minutes": round(state["seconds"] / 60)}
    return [*state.get("earlier", []), own]


def write(folder: Path, work: Path, version: str, temperature: float | None = None) -> Path:
    """Writes the int8 network into `folder`, the same with the float32 one into `work`; returns the first's manifest.

    Lines, state and weights are read from `work`. `temperature`: None for the best one on held-back lines.
    """
    model = net.build()
    model.load_weights(weights_path(work))
    typical = shards.load(shards.complete_shards(work)[:1]).x[:TYPICAL]
    networks = convert.to_tflite(model, typical, net.build)
    check = shards.load_held_back(work, CHECK)
    found = {kind: logits(content, check.x) for kind, content in networks.items()}
    heat = {kind: temperature or best_temperature(out, check.texts) for kind, out in found.items()}
    golden = golden_strips()
    facts = {
        "temperature": heat,
        "strip": line_extent.VERSION,
        "symbols": SYMBOLS,
        "trained": runs(work),
        "figures": {
            "held back": {kind: figures(out, heat[kind], check.texts) for kind, out in found.items()},
            "runtimes": differences(networks, check.x[:COMPARED]),
        },
        "golden": [
            [round(float(p), 4) for p in field_decoder.probabilities(one, heat["int8"]).max(axis=0)]
            for one in logits(networks["int8"], golden)
        ],
    }
    sheet = cv2.imencode(".png", golden.reshape(-1, line_extent.WIDTH))[1].tobytes()
    manifest.save(work / "lines", NAME, version, networks, sheet, facts)
    print(json.dumps({key: facts[key] for key in ("temperature", "trained", "figures")}, indent=1))
    return manifest.save(folder, NAME, version, {"int8": networks["int8"]}, sheet, facts)


def logits(content: bytes, x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, FRAMES, SCORES), on the interpreter that the daemon uses."""
    return network(find_runtime(), content, "the network").logits(x).reshape(-1, FRAMES, SCORES)


def best_temperature(rows: NDArray[np.float32], texts: Sequence[str]) -> float:
    """The divisor of logits with the greatest likelihood of the texts, over all alignments (CTC)."""
    tried = np.exp(np.linspace(np.log(0.6), np.log(3.0), 30))
    truth = net.targets(texts)
    losses = [np.minimum(np.asarray(net.loss(truth, rows / np.float32(t))), 12.0).mean() for t in tried]
    return round(float(tried[int(np.argmin(losses))]), 3)


def best_texts(rows: NDArray[np.float32], temperature: float) -> list[str]:
    """The most likely text of each strip."""
    found = []
    for row in rows:
        frames = field_decoder.probabilities(row, temperature)
        found.append(ctc.search_texts(frames, SYMBOLS, runs=OTHER + CUT)[0][0])
    return found


def figures(rows: NDArray[np.float32], temperature: float, texts: Sequence[str]) -> dict[str, float]:
    """Share of correct texts, and share of lines without any digit in which digits are read."""
    best = best_texts(rows, temperature)
    right = [text == truth for text, truth in zip(best, texts, strict=True)]
    empty = [has_digit(text) for text, truth in zip(best, texts, strict=True) if not has_digit(truth)]
    return {"right": round(float(np.mean(right)), 4), "read where no digit is": round(float(np.mean(empty)), 4)}


def has_digit(text: str) -> bool:
    return any(char in DIGITS for char in text)


def differences(networks: dict[str, bytes], x: NDArray[np.uint8]) -> dict[str, float]:
    """For each pair of (kind on package) the share of lines that both read alike."""
    read = {
        name: best_texts(out.reshape(-1, FRAMES, SCORES), 1.0)
        for name, out in runtimes.logits_by_runtime(networks, x, network).items()
    }
    return {
        f"{a} = {b}": round(float(np.mean([p == q for p, q in zip(read[a], read[b], strict=True)])), 4)
        for a, b in combinations(read, 2)
    }


def golden_strips() -> NDArray[np.uint8]:
    """The golden strips, drawn by the project: the answers of an intact network are known."""
    return np.stack([draw_strip(handwriting.Writer(seed), text) for seed, text in enumerate(GOLDEN)])


def draw_strip(writer: handwriting.Writer, text: str) -> Grey:
    """A number on plain paper as a strip; an empty strip for an empty text."""
    page = np.full((72, 300), 215, np.uint8)
    number = writer.number(text or "1", 36)
    handwriting.draw(page, [stroke + np.array([20, 18], np.float32) for stroke in number.strokes], 3.5, 60)
    ink = line_extent.line_contrast(page[:, : int(sum(box[2] for box in number.boxes) + 8 * len(text) + 60)])
    extent = line_extent.find_line(ink)
    strip = line_extent.cut_line(ink, extent) if extent and text else None
    return strip.pixels if strip else np.zeros((line_extent.HEIGHT, line_extent.WIDTH), np.uint8)


def main(argv: Sequence[str] | None = None) -> int:
    parser = options.parser(
        "python -m scripts.training.lines.export", __doc__, VERSION, "lines, state and weights", data=False
    )
    parser.add_argument("--temperature", type=float, help="of the logits (default: the best on held-back lines)")
    args = parser.parse_args(argv)
    print(f"wrote {write(args.out, args.work, args.version, args.temperature)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
