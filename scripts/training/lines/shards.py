"""Composes lines in files, once. Training can read the first files while more are made."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.domain import Grey
from scripts.training.common import pool
from scripts.training.lines import compose
from scripts.training.lines.labels import tidy
from scripts.training.lines.material import Material, load_material

LINES_PER_FILE = 5_000
HELD_BACK_LINES = 4_000
"""Lines by held-back writers, in held-back fonts, on held-back surfaces: for calibration and figures."""
COUNT = 200_000
"""Lines to train on."""


class Samples(NamedTuple):
    """Strips and their texts."""

    x: NDArray[np.uint8]
    """(n, HEIGHT, WIDTH)"""
    texts: list[str]


def compose_all(
    data: Path, work: Path, count: int, seed: int, first: int = 0, kinds: Sequence[str] = tuple(compose.KINDS)
) -> None:
    """Composes `count` lines and the held-back ones into files of the folder `work`; existing files are kept.

    `first`: number of the first file to make; `kinds`: compose only these (compose.KINDS).
    """
    work.mkdir(parents=True, exist_ok=True)
    held_back = held_back_path(work)
    if not held_back.exists():
        make_shard(load_material(data, held=True), 0, HELD_BACK_LINES, seed + 1000, held_back)
    paths = {i: work / f"lines-{seed}-{i:03}.npz" for i in range(first, max(1, count // LINES_PER_FILE))}
    missing = {i: path for i, path in paths.items() if not path.exists()}
    if not missing:
        return
    material = load_material(data)
    for i, path in missing.items():
        make_shard(material, i * LINES_PER_FILE, LINES_PER_FILE, seed, path, kinds)
        print(f"{(i + 1) * LINES_PER_FILE} lines composed", flush=True)


def make_shard(
    material: Material,
    first: int,
    count: int,
    seed: int,
    path: Path,
    kinds: Sequence[str] = tuple(compose.KINDS),
) -> None:
    """Composes lines number `first` to `first + count` of a seed into a new file."""
    workers = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    made = pool.map_parallel(partial(_line, material, seed, kinds), range(first, first + count), workers, chunksize=50)
    unready = path.with_suffix(".part.npz")
    np.savez_compressed(unready, x=np.stack([x for x, _ in made]), texts=np.array([text for _, text in made]))
    unready.rename(path)


def _line(material: Material, seed: int, kinds: Sequence[str], index: int) -> tuple[Grey, str]:
    return compose.compose_line(np.random.default_rng([seed, index]), material, kinds)


def held_back_path(work: Path) -> Path:
    """The file of the held-back lines."""
    return work / "lines-check.npz"


def complete_shards(work: Path) -> list[Path]:
    """The files of lines to train on that are complete."""
    return sorted(path for path in work.glob("lines-[0-9]*.npz") if ".part" not in path.name)


def load(paths: Sequence[Path]) -> Samples:
    """The lines of several files."""
    xs, texts = [], []
    for path in paths:
        with np.load(path) as kept:
            xs.append(kept["x"])
            texts += [tidy(text) for text in kept["texts"].astype(str).tolist()]
    return Samples(np.concatenate(xs), texts)


def load_held_back(work: Path, count: int) -> Samples:
    """The first `count` held-back lines."""
    samples = load([held_back_path(work)])
    return Samples(samples.x[:count], samples.texts[:count])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.training.lines.shards", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="the training sets (models/README.md names them)")
    add("--work", type=Path, default=Path(".training"), metavar="DIR", help="keeps the lines (default: .training/)")
    add("--count", type=int, default=COUNT, metavar="N", help=f"lines to train on (default: {COUNT:,})")
    add("--first", type=int, default=0, metavar="N", help="number of the first file to make (default: 0)")
    add("--seed", type=int, default=1, metavar="N", help="of all random choices (default: 1)")
    add(
        "--kinds",
        nargs="+",
        default=list(compose.KINDS),
        choices=list(compose.KINDS),
        help="only these kinds of fields",
    )
    args = parser.parse_args(argv)
    compose_all(args.data, args.work, args.count, args.seed, args.first, args.kinds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
