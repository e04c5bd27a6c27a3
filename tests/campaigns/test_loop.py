"""The loop: hard samples of one person -> labels -> a model -> a signed update that a device takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import DIGITS
from edge_daemon.inference.classifier import load
from edge_daemon.inference.options import ModelOptions
from edge_daemon.model_store.store import Store
from edge_daemon.sources.simulated.handwriting import Writer, alone
from edge_daemon.sources.simulated.unusual import UNUSUAL
from edge_daemon.tools.evaluate import crops
from scripts.training.digits import rehearsal
from tests.campaigns.loop import VERSION, Loop
from tests.campaigns.loop_writer import WRITER, Hand, camera, fields, key_of, written_at
from tests.support.models import model
from tests.support.samples import sample

ROOT = Path(__file__).parents[2]
ASKED = "EDGE_DAEMON_LOOP"
"""Set, the loop is played whole, its training too."""


def test_the_person_is_one_and_unusual() -> None:
    """On every page the same hand, never twice the same strokes; the model that reads other writers errs on it."""
    model = load(ModelOptions("bundled"))
    one, other = (Writer(WRITER, occasion, UNUSUAL).digit("4")[0] for occasion in (1, 2))
    assert one.shape != other.shape or not np.array_equal(one, other)
    usual, unusual = (
        np.mean(
            [
                model.classify_inks([ink]).argmax() == int(d)
                for s in range(8)
                for d in DIGITS
                for ink in [drawn(s, d, ways)]
            ]
        )
        for ways in (None, UNUSUAL)
    )
    assert usual > 0.97
    assert unusual < 0.85


def drawn(occasion: int, digit: str, ways: dict[str, tuple[str, ...]] | None) -> np.ndarray:  # type: ignore[type-arg]
    writer = Writer(WRITER, occasion, ways) if ways else Writer(WRITER + occasion)
    return alone(writer, digit, rehearsal.SIDE, 0.7)


def test_pages_of_the_person_differ() -> None:
    """What stands in the fields of two pages is within them, and is written anew each time."""
    pages = [Hand(WRITER).numbers(page)[:2] for page in (3, 4)]
    assert [text for text, _ in pages[0]] != [text for text, _ in pages[1]]
    for name, (x, y, w, h) in fields(WRITER, 3).items():
        assert name in ("top", "middle", "bottom")
        assert 0 <= x < x + w <= 640
        assert 0 <= y < y + h <= 480


def test_labels_are_what_is_written(tmp_path: Path) -> None:
    """The number that stood in the field at the time; skipped where none did, or only a part can be seen."""
    truth = tmp_path / "truth.jsonl"
    lines = [
        {"at": 0.5, "numbers": [{"text": "42", "box": [20, 20, 60, 40]}, {"text": "7", "box": [20, 220, 9, 40]}]},
        {"at": 3.0, "numbers": []},
    ]
    truth.write_text("".join(json.dumps(line) + "\n" for line in lines))
    boxes = {"tank": (10, 10, 200, 80)}
    whole = sample("42", None)
    assert key_of(whole, written_at(truth), boxes) == "42\r"
    assert key_of(sample("4", None), written_at(truth), {"tank": (10, 200, 200, 80)}) == "7\r"
    assert key_of(whole, written_at(truth), {}) == "s"
    lines[0]["numbers"][0]["box"] = [20, 20, 600, 40]  # type: ignore[index]
    truth.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert key_of(whole, written_at(truth), boxes) == "s"


def test_the_camera_keeps_its_usual_writers() -> None:
    """Without a `writer` the pages are those of before: others than the person's, at the same places."""
    usual, unusual = camera(0, 5).picture(40), camera(WRITER, 5).picture(40)
    assert not np.array_equal(usual, unusual)


@pytest.mark.slow
@pytest.mark.timeout(400)  # ten processes, each of which loads its networks: long on a busy machine
def test_samples_become_an_update(tmp_path: Path) -> None:
    """All but the training, with a model that is there: a daemon's hard samples are labelled, exported, compared on;
    the model is published, and a device that asks takes it, on probation."""
    loop = Loop(tmp_path, WRITER)
    loop.daemon(0, 90)
    assert loop.label(0) >= 2
    assert "glyphs of" in loop.command("samples", "export", tmp_path / "export")
    inks, _ = crops(tmp_path / "export")
    assert len(inks) >= 4
    manifest = model(tmp_path, VERSION) / f"digits-{VERSION}.json"
    found = json.loads(loop.command("samples", "compare", manifest, "--report", tmp_path / "report", "--json"))
    assert [(g["set"], g["lost"]) for g in found["digits"]] == [("your samples", 0), ("drawn digits", 0)]
    assert (tmp_path / "report" / "index.html").exists()
    loop.command("model", "publish", manifest, "--to", tmp_path / "public", "--keys", tmp_path / "keys")
    with loop.served() as url:
        loop.command("model", "update", "--url", url, "--root", tmp_path / "keys" / "root.json")
    active = Store(loop.state / "models").active()
    assert (active.name, active.probation) == (VERSION, True)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get(ASKED), reason=f"needs TensorFlow, 1 GB, and some minutes: set {ASKED}")
@pytest.mark.timeout(3600)
def test_the_person_is_read_better(tmp_path: Path) -> None:
    """The whole loop: exit code 0 says better on held-out pages, nothing forgotten, kept after its probation."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.loop", "--work", str(tmp_path / "loop")], cwd=ROOT, check=False
    )
    assert done.returncode == 0
