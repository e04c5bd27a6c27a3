"""The whole loop with real parts: hard samples, labels, training, update, probation; measures the improvement.

The person is the simulated camera's `writer`. Daemon, training and commands are processes of their own; labels are
entered with the keys of `edge-daemon label`; the update comes from a web server on loopback. The improvement is
measured on pages that were not used for training. With --model there is no training: that model is used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from edge_daemon.model_store.store import Store
from edge_daemon.on_device.samples import Samples
from edge_daemon.tools import label as labelling
from tests.campaigns.loop_writer import WRITER, Hand, Held, fields, held_out, key_of, written_at

ROOT = Path(__file__).parents[2]
VERSION = "1.0.0+mine"
LIMITS = 2_000, 64_000_000
"""Most samples, and their bytes."""


class Loop:
    """One device and one person, in one folder."""

    def __init__(self, folder: Path, writer: int) -> None:
        self.folder, self.writer = folder, writer
        self.state = folder / "device"
        self._environment = os.environ | {
            "STATE_DIRECTORY": str(self.state), "RUNTIME_DIRECTORY": str(folder / "run")
        }  # fmt: skip

    def command(self, *arguments: str | Path) -> str:
        """Runs edge-daemon with these arguments; returns its output. Raises CalledProcessError."""
        program = [sys.executable, "-m", "edge_daemon", *map(str, arguments)]
        done = subprocess.run(program, env=self._environment, text=True, stdout=subprocess.PIPE, check=True, cwd=ROOT)
        return done.stdout

    def daemon(self, page: int, frames: int) -> None:
        """Runs the daemon on one page until its frames end. There is no broker; none is needed."""
        truth = self.folder / f"truth-{page}.jsonl"
        truth.unlink(missing_ok=True)
        config = self.folder / f"page-{page}.toml"
        boxes = "".join(
            f'[[field]]\nname = "{name}"\nregion = {list(region)}\n'
            for name, region in fields(self.writer, page).items()
        )
        config.write_text(
            f'[camera]\nsource = "simulated"\nseed = {page}\nwriter = {self.writer}\nframes = {frames}\n'
            "realtime = false\n"
            f'truth = "{truth}"\n[samples]\nmax_count = {LIMITS[0]}\nmax_size = "64MB"\n'
            f'[mqtt]\nurl = "mqtt://127.0.0.1:9"\n{boxes}'
        )
        with (self.folder / f"page-{page}.log").open("w") as log:
            program = [sys.executable, "-m", "edge_daemon", "run", "--config", str(config)]
            subprocess.run(program, env=self._environment, stderr=log, check=True, cwd=ROOT)

    def label(self, page: int) -> int:
        """Labels the new samples of a page with the keys that a person would press."""
        samples = Samples(self.state / "samples", *LIMITS)
        truth = written_at(self.folder / f"truth-{page}.jsonl")
        boxes = fields(self.writer, page)
        waiting = [sample for _, sample in samples.all(labelled=False)]
        keys = iter("".join(key_of(sample, truth, boxes) for sample in waiting) + "q")
        return labelling.label_all(samples, partial(next, keys, "q"), lambda text: None)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serves the published model on a free loopback port; yields its URL."""
        handler = partial(_Quiet, directory=str(self.folder / "public"))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()

    def train(self, steps: int) -> Path:
        """Runs `scripts/train digits` on the exported samples."""
        out = self.folder / "model"
        program: list[str | Path] = [ROOT / "scripts/train", "digits", "--from", "bundled"]
        program += ["--extra", self.folder / "export"]
        program += ["--out", out, "--version", VERSION, "--steps", str(steps)]
        subprocess.run(program, check=True, stdout=sys.stderr, cwd=ROOT)
        return out / f"digits-{VERSION}.json"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@click.command()
@click.option("--work", type=click.Path(path_type=Path), metavar="FOLDER", help="Keep all files there.")
@click.option("--writer", type=click.IntRange(1), default=WRITER, show_default=True, help="The simulated person.")
@click.option("--pages", type=click.IntRange(1), default=3, show_default=True, help="Pages that are read and labelled.")
@click.option("--frames", type=click.IntRange(10), default=250, show_default=True, help="Of each page, 5 a second.")
@click.option("--steps", type=click.IntRange(1), default=250, show_default=True, help="Training steps.")
@click.option(
    "--model",
    type=click.Path(exists=True, path_type=Path),
    metavar="MANIFEST",
    help="Instead of training.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="SET",
    help="Crops to compare on.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON at the end.")
def main(
    work: Path | None, writer: int, pages: int, frames: int, steps: int, model: Path | None, sets: tuple[Path, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Runs the loop once; exit code 0 only if the person is read better afterwards and no other set is read worse."""
    with tempfile.TemporaryDirectory(prefix="edge-daemon-loop-") as temporary:
        folder = (work or Path(temporary)).resolve()
        if folder.exists() and any(folder.iterdir()):
            raise click.UsageError(f"{folder} is not empty: name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        figures = play(Loop(folder, writer), pages, frames, steps, model, sets)
        if as_json:
            click.echo(json.dumps(figures))
        sys.exit(0 if figures["well"] else 1)


def play(
    loop: Loop, pages: int, frames: int, steps: int, model: Path | None, sets: tuple[Path, ...]
) -> dict[str, object]:
    """Runs all steps in order. Raises CalledProcessError if one fails."""
    hand = Hand(loop.writer)
    labelled = 0
    for page in range(pages):
        loop.daemon(page, frames)
        labelled += loop.label(page)
        say(f"page {page + 1} of {pages}: {labelled} hard samples labelled so far")
    say(loop.command("samples", "export", loop.folder / "export").strip())
    manifest = model or loop.train(steps)
    options = [part for path in sets for part in ("--set", path)]
    compared = loop.command("samples", "compare", manifest, *options, "--report", loop.folder / "report", "--json")
    gains = json.loads(compared)
    for g in gains["digits"]:
        before, after = (100 * right / g["crops"] for right in g["right"])
        change = f"{g['gained']} gained, {g['lost']} lost"
        say(f"digits of {g['set']}: {before:.2f} -> {after:.2f} % of {g['crops']}; {change}")
    public, keys = loop.folder / "public", loop.folder / "keys"
    say(loop.command("model", "publish", manifest, "--to", public, "--keys", keys).splitlines()[0])
    with loop.served() as url:
        say(loop.command("model", "update", "--url", url, "--root", keys / "root.json").strip())
    store = Store(loop.state / "models")
    page = pages
    while store.active().probation and page < pages + 6:
        loop.daemon(page, frames)
        page += 1
    active = store.active()
    left = "; ".join(store.refusals().values())
    fate = "on probation" if active.probation else f"the new one was left: {left}" if left else "and is kept"
    say(f"after {page - pages} pages more: {active.name} runs, {fate}")
    held = held_out(hand)
    before, after = (Held.of(held, path) for path in ("bundled", str(manifest)))
    say(f"on pages that nobody was taught on, {before.numbers} numbers of {before.digits} digits:")
    say(f"  digits read right   {before.digits_right} -> {after.digits_right}")
    say(f"  numbers, one look   {before.numbers_right} -> {after.numbers_right}")
    return {
        "labelled": labelled,
        "gains": gains,
        "active": active.name,
        "kept": not active.probation and not active.bundled,
        "held_out": [before.as_json(), after.as_json()],
        "well": after.digits_right > before.digits_right
        and after.numbers_right >= before.numbers_right
        and not active.probation
        and not active.bundled
        and not gains["advice"],
    }


def say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main(prog_name="scripts/campaign loop")
