"""Thousands of noisy frames of the simulated camera through the whole path: what is said wrongly, and how late.

A reading is false when no number of that text stood at its place at the time, give or take half a second. A number
counts as written when it stood complete for the settle time and two seconds more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import click
import numpy as np

from edge_daemon.app import look
from edge_daemon.classifiers import Options as Model
from edge_daemon.domain import Reading, Status, meet, outline
from edge_daemon.fields import Fields
from edge_daemon.reader import open_reader
from edge_daemon.sources.simulated import Options, SimulatedCamera
from edge_daemon.tracks import SETTLE
from edge_daemon.vote import Voter

LONG_ENOUGH = SETTLE + 2.0
SPARE = 0.5
PAGE = 500
"""Frames of one page, with its own writers, surface and light."""


@dataclass
class Figures:
    frames: int = 0
    written: int = 0
    accepted: int = 0
    readings: int = 0
    false: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds beyond the settle time from the last stroke to the accepted reading."""

    def summary(self) -> dict[str, float | int | list[str]]:
        median, late = np.percentile(self.delays, [50, 95]) if self.delays else (0.0, 0.0)
        return {
            "frames": self.frames,
            "written": self.written,
            "accepted": self.accepted,
            "share_accepted": round(self.accepted / max(1, self.written), 4),
            "readings": self.readings,
            "false": len(self.false),
            "delay_median_s": round(float(median), 2),
            "delay_p95_s": round(float(late), 2),
            "what_was_false": self.false,
        }


def watched(seed: int, frames: int) -> Iterator[tuple[int, Reading]]:
    """What is accepted of one page, and in which frame it is said."""
    camera = SimulatedCamera(Options(seed=seed, frames=frames, realtime=False))
    reader = open_reader(Model())
    classifier = reader.classifier
    fields, voter = Fields([]), Voter([], classifier.name, classifier.backend, reader.read)
    for frame in camera.frames(1.0):
        if frame is None:
            continue
        look(frame, fields, reader, voter)
        for record in voter.due(frame.mono):
            if isinstance(record, Reading) and record.status is Status.OK and not record.gone:
                yield frame.seq, record


def judge(seed: int, frames: int, figures: Figures) -> None:
    """Hold what is said of one page against what is written there."""
    fps = Options().active_fps
    truth = SimulatedCamera(Options(seed=seed, frames=frames)).truth_at
    stood: dict[tuple[str, int], int] = {}
    for seq in range(frames):
        for there in truth(seq):
            stood[there.text, there.since] = seq
    long = {key for key, last in stood.items() if last - key[1] >= LONG_ENOUGH * fps}
    found: dict[tuple[str, int], int] = {}
    for seq, reading in watched(seed, frames):
        figures.readings += 1
        box = outline(digit.box for digit in reading.digits)
        near = [t for s in range(max(0, round(seq - SPARE * fps)), seq + 1) for t in truth(s) if meet(t.box, box)]
        match = next((t for t in near if t.text == reading.text), None)
        if match:
            found.setdefault((match.text, match.since), seq)
        else:
            written = near[-1].text if near else "nothing"
            figures.false.append(f"page {seed} frame {seq}: {reading.text}, written {written}")
    figures.frames += frames
    figures.written += len(long)
    figures.accepted += len(long & set(found))
    figures.delays += [max(0.0, (found[key] - key[1]) / fps - SETTLE) for key in long & set(found)]


@click.command()
@click.option("--frames", type=click.IntRange(min=1), default=10_000, show_default=True, help="At 5 a second.")
@click.option("--seed", type=click.IntRange(min=0), default=100, show_default=True, help="Of the first page.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def main(frames: int, seed: int, as_json: bool) -> None:
    """Readings accepted, false and late over so many simulated frames, a new page every 500."""
    figures = Figures()
    for page, start in enumerate(range(0, frames, PAGE)):
        judge(seed + page, min(PAGE, frames - start), figures)
        click.echo(f"\r{figures.frames} of {frames} frames, {len(figures.false)} false", nl=False, err=True)
    click.echo(err=True)
    said = figures.summary()
    click.echo(json.dumps(said) if as_json else "\n".join(f"{key:16} {value}" for key, value in said.items()))


if __name__ == "__main__":
    main()
