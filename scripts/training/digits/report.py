"""Writes the training report: figures and pictures on an HTML page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import LABELS
from edge_daemon.inference.network import softmax
from scripts.training.digits.dataset import Part

NAMES = [*LABELS]
WORST = 50


def write(
    folder: Path, history: list[Any], logits: NDArray[np.float32], held_out: Part, figures: dict[str, Any], model: Path
) -> Path:
    """Draw the report of a training into `folder`; `logits` (n, 11) are calibrated. Returns its page (HTML)."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    found = softmax(logits, 1.0)
    learning_curve(history, folder / "learning.png")
    confusion(found, held_out, folder / "confusion.png")
    reliability(found, held_out, folder / "reliability.png")
    worst(found, held_out, folder / "worst.png")
    sizes = {f.name: f.stat().st_size for f in sorted(model.parent.glob(f"{model.stem}.*"))}
    page = folder / "index.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>{model.stem}</title><body style='font-family:sans-serif'>"
        f"<h1>{model.stem}</h1><pre>{json.dumps({**figures, 'bytes': sizes}, indent=1)}</pre>"
        + "".join(f"<h2>{name}</h2><img src={name}.png>" for name in ("learning", "confusion", "reliability", "worst"))
    )
    return page


def learning_curve(history: list[Any], path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    axes.plot([h["loss"] for h in history], label="training (degraded, smoothed labels)")
    axes.plot([h["val_loss"] for h in history], label="held out")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend()
    save(figure, path)


def confusion(found: NDArray[np.float32], held_out: Part, path: Path) -> None:
    from matplotlib import pyplot

    table = np.zeros((11, 11), int)
    np.add.at(table, (held_out.y, found.argmax(axis=1)), 1)
    figure, axes = pyplot.subplots(figsize=(6, 6))
    axes.imshow(np.log1p(table), cmap="Blues")
    for (row, column), count in np.ndenumerate(table):
        axes.text(column, row, count or "", ha="center", va="center", fontsize=7)
    axes.set(xticks=range(11), yticks=range(11), xticklabels=NAMES, yticklabels=NAMES, xlabel="read", ylabel="is")
    save(figure, path)


def reliability(found: NDArray[np.float32], held_out: Part, path: Path) -> None:
    from matplotlib import pyplot

    confidence, right = found.max(axis=1), found.argmax(axis=1) == held_out.y
    bins = np.minimum((confidence * 10).astype(int), 9)
    filled = [b for b in range(10) if (bins == b).any()]
    figure, axes = pyplot.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axes.plot([confidence[bins == b].mean() for b in filled], [right[bins == b].mean() for b in filled], "o-")
    axes.set(xlabel="confidence", ylabel="share that is right")
    save(figure, path)


def worst(found: NDArray[np.float32], held_out: Part, path: Path) -> None:
    """The wrong answers with the highest confidence."""
    from matplotlib import pyplot

    best = found.argmax(axis=1)
    mistakes = np.flatnonzero(best != held_out.y)
    chosen = mistakes[np.argsort(-found.max(axis=1)[mistakes])][:WORST]
    figure, grid = pyplot.subplots(5, 10, figsize=(12, 7))
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, chosen, strict=False):
        axes.imshow(np.hstack(list(np.moveaxis(held_out.x[i], -1, 0))), cmap="gray")
        title = f"{NAMES[held_out.y[i]]} as {NAMES[best[i]]} {found[i].max():.2f}"
        axes.set_title(title, fontsize=8)
    save(figure, path)


def save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
