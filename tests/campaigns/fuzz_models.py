"""Damages the bundled digit model in many ways and adds it to a model store.

An accepted model must not crash its process, and must read like the original.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np

from edge_daemon.domain import DIGITS, Grey
from edge_daemon.errors import ChildError, ModelError
from edge_daemon.inference.digits import DigitClassifier
from edge_daemon.inference.manifest import bundled
from edge_daemon.inference.normalise import normalise
from edge_daemon.inference.options import BUNDLED, ModelOptions
from edge_daemon.model_store.acceptance import KINDS
from edge_daemon.model_store.store import Store
from edge_daemon.sources.simulated.handwriting import Writer, coverage
from edge_daemon.system.child_process import call
from edge_daemon.tools.evaluate import crops

CROPS = 2000
PATIENCE = 600.0
"""Time limit in seconds; the machine may be busy."""
AGREE = 0.9
"""Least share of crops, 0..1, that an accepted model must read like the original. Golden pictures find large damage; a
network with a few flipped bits still reads them, and agreed on 0.989 of the crops."""
Spoil = Callable[[bytearray, np.random.Generator], None]


class Outcome(TypedDict):
    """Counts of all damaged models."""

    models: int
    refused: int
    child_died: int
    got_in: int
    crashes: int
    """Crashes of processes that used an accepted model."""
    least_agreement: float
    below: int
    """Accepted models that agree with the original on less than AGREE of the crops."""
    reasons: dict[str, int]


def bits(content: bytearray, rng: np.random.Generator) -> None:
    for at in rng.integers(len(content), size=rng.integers(1, 200)):
        content[at] ^= 1 << int(rng.integers(8))


def bytes_(content: bytearray, rng: np.random.Generator) -> None:
    for at in rng.integers(len(content), size=rng.integers(1, 20)):
        content[at] = int(rng.integers(256))


def stretch(content: bytearray, rng: np.random.Generator) -> None:
    at, length = int(rng.integers(len(content))), int(rng.integers(1, 300))
    content[at : at + length] = rng.bytes(len(content[at : at + length]))


def low_bits(content: bytearray, rng: np.random.Generator) -> None:
    """Changes many weights a little."""
    for at in rng.integers(2000, len(content) - 2000, size=rng.integers(1, 4000)):
        content[at] ^= 1 << int(rng.integers(3))


def words(content: bytearray, rng: np.random.Generator) -> None:
    """Changes offsets, sizes and indices of the flatbuffer: aligned words at its two ends."""
    for _ in range(int(rng.integers(1, 6))):
        end = int(rng.integers(2)) * (len(content) - 4096)
        at = end + 4 * int(rng.integers(1024))
        word = int(rng.choice([0, 1, 2**32 - 1, 2**31 - 1, rng.integers(2**31)]))
        content[at : at + 4] = word.to_bytes(4, "little")


def cut(content: bytearray, rng: np.random.Generator) -> None:
    del content[int(rng.integers(len(content))) :]


SPOILS: tuple[Spoil, ...] = (bits, bytes_, stretch, low_bits, words, words, cut)


def spoiled(folder: Path, count: int, seed: int) -> Iterator[Path]:
    """`count` folders, each with a model of which one network is damaged and all hashes are correct."""
    source = bundled("digits")
    manifest = json.loads(source.read_text())
    contents = {kind: source.with_name(file["name"]).read_bytes() for kind, file in manifest["files"].items()}
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        mine, files = folder / f"spoiled-{number}", {}
        victim = KINDS[int(rng.random() < 0.3)]
        mine.mkdir()
        for kind, file in manifest["files"].items():
            content = bytearray(contents[kind])
            if kind == victim:
                SPOILS[number % len(SPOILS)](content, rng)
            (mine / file["name"]).write_bytes(content)
            files[kind] = file | {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        version = f"666.{number}"
        (mine / f"digits-{version}.json").write_text(json.dumps(manifest | {"version": version, "files": files}))
        yield mine


def inks(count: int) -> list[Grey]:
    """Crops by other writers than the golden pictures: various pens, blur, noise, and scribbles."""
    rng = np.random.default_rng(7)
    drawn = []
    for i in range(count):
        if i % 5 == 4:
            strokes = [rng.uniform(10, 70, (int(rng.integers(2, 6)), 2)).astype(np.float32)]
        else:
            strokes = [s * 50 + np.array([12, 12], np.float32) for s in Writer(1000 + i).digit(DIGITS[i % 10])]
        ink = coverage((80, 80), strokes, float(rng.uniform(2, 9)))
        if rng.random() < 0.5:
            ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.5, 4))), np.uint8)
        noisy = ink + rng.normal(0, rng.uniform(0, 25), ink.shape)
        drawn.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return drawn


def read(manifest: str, of: str) -> list[list[int]]:
    """Runs in a child process, as the daemon would: the class of each crop, for both networks."""
    shown = [normalise(ink) for ink in (crops(Path(of))[0][:CROPS] if of else inks(CROPS))]
    models = [DigitClassifier(ModelOptions(manifest, precision=kind)) for kind in KINDS]
    return [model.classify_normalised(shown).argmax(axis=1).tolist() for model in models]


def fuzz(count: int, seed: int, of: str = "", tell: Callable[[str], None] = print) -> Outcome:
    """Adds `count` damaged models to the store, and uses those that it accepts."""
    original = np.array(call("tests.campaigns.fuzz_models:read", BUNDLED, of, seconds=PATIENCE))
    outcome = Outcome(
        models=count, refused=0, child_died=0, got_in=0, crashes=0, least_agreement=1.0, below=0, reasons={}
    )
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch) / "store")
        for number, folder in enumerate(spoiled(Path(scratch), count, seed), 1):
            try:
                version = store.add(folder)
                store.activate(version)
            except ModelError as error:
                outcome["refused"] += 1
                outcome["child_died"] += "the process that tried" in str(error)
                reasons[reason(str(error))] += 1
                continue
            finally:
                if number % 50 == 0:
                    tell(f"{number} of {count}: {outcome['got_in']} got in, {outcome['crashes']} crashes")
            outcome["got_in"] += 1
            try:
                said = np.array(
                    call("tests.campaigns.fuzz_models:read", str(store.active().manifest), of, seconds=PATIENCE)
                )
            except ChildError as error:
                outcome["crashes"] += 1
                tell(f"{folder.name} got in, and its user {error}")
            else:
                agree = float((said == original).mean(axis=1).min())
                outcome["least_agreement"] = min(outcome["least_agreement"], agree)
                outcome["below"] += agree < AGREE
            with suppress(ModelError):
                store.rollback()
    outcome["reasons"] = dict(reasons.most_common())
    return outcome


def reason(told: str) -> str:
    """The kind of a rejection."""
    kinds = ["SIGSEGV", "SIGABRT", "SIGFPE", "SIGBUS", "SIGXCPU", "was not done", "exit code", "golden"]
    kinds += ["does not load", "takes", "gives"]
    return next((kind for kind in kinds if kind in told), told)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/campaign fuzz-models", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="number of damaged models (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--crops", default="", metavar="SET.npz", help="crops to compare on, instead of drawn ones")
    given = parser.parse_args()
    outcome = fuzz(given.count, given.seed, given.crops)
    print(json.dumps(outcome, indent=1))
    sys.exit(1 if outcome["crashes"] or outcome["below"] else 0)


if __name__ == "__main__":
    main()
