"""Thousands of simulated frames through the whole path: right, false, missing and late readings.

A reading is false if no number with that text was at its place at that time (within half a second). A number counts as
written if it was there complete for the settle time and two more seconds. For a lost number the readings of single
frames tell which stage lost it: the quality gate, recognition or the vote.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import process_time
from typing import Any, get_args

import click
import numpy as np

from edge_daemon.app import ReadPatch, read_frame
from edge_daemon.decision.evidence import AGREEMENT, MIN_FRAMES
from edge_daemon.decision.tracks import SETTLE
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Reading, Status
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.geometry import bounding_box, overlap
from edge_daemon.inference.options import ModelOptions
from edge_daemon.recognition.reader import open_reader
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.disturbances import Disturbance
from edge_daemon.sources.simulated.number import Truth
from edge_daemon.sources.simulated.options import SimulatedOptions

LONG_ENOUGH = SETTLE + 2.0
SPARE = 0.5
PAGE = 500
"""Frames of one page, with its own writers, surface and light."""
CAUSES = {
    "gate": "few of its frames passed the gate",
    "not found": "most frames: nothing found at its place",
    "misread": "most frames: read as something else, or not agreeing",
    "vote": "nearly all frames: read correctly, but not published",
}
"""The stage that lost a number."""


@dataclass
class Figures:
    frames: int = 0
    written: int = 0
    accepted: int = 0
    readings: int = 0
    false: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds beyond the settle time from the last stroke to the accepted reading."""
    lost: dict[str, list[str]] = field(default_factory=lambda: {cause: [] for cause in CAUSES})
    """Lost numbers by cause (a key of CAUSES)."""
    still: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    """CPU milliseconds of frames without and with recognition."""

    def summary(self) -> dict[str, Any]:
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
            "frames_read": len(self.busy),
            "still_frame_ms": round(float(np.median(self.still or [0.0])), 3),
            "busy_frame_ms": round(float(np.median(self.busy or [0.0])), 3),
            "what_was_false": self.false,
            "lost": self.lost,
        }


@dataclass
class Seen:
    """One frame and its results."""

    seq: int
    looks: list[ReadPatch]
    said: list[Reading]
    ms: float
    """CPU milliseconds, without drawing the frame."""


def watched(options: SimulatedOptions) -> Iterator[Seen]:
    """All frames of one page."""
    reader = open_reader(ModelOptions())
    classifier = reader.classifier
    fields, voter = FieldExtractor([]), Voter([], classifier.name, classifier.backend, reader.read)
    for frame in filter(None, SimulatedCamera(options).frames(1.0)):
        start = process_time()
        looks = read_frame(frame, fields, reader, voter)
        records = voter.due(frame.mono)
        ms = 1000 * (process_time() - start)
        said = [r for r in records if isinstance(r, Reading) and r.status is Status.OK and not r.gone]
        yield Seen(frame.seq, looks, said, ms)


def cause(there: Truth, looks: list[ReadPatch]) -> str:
    """The stage that lost a number, from the readings of single frames while it was there."""
    seen = [numbers for patch, numbers in looks if patch.status is Status.OK]
    read = [[n.text for n in numbers if overlap(n.box, there.box)] for numbers in seen]
    if len(seen) < MIN_FRAMES:
        return "gate"
    if sum(there.text in texts for texts in read) >= AGREEMENT * len(read):
        return "vote"
    return "not found" if sum(map(bool, read)) < len(read) / 2 else "misread"


def judge(options: SimulatedOptions, figures: Figures) -> None:
    """Compares the readings of one page with what is written there."""
    fps, page = options.active_fps, f"page {options.seed}"
    truth = SimulatedCamera(options).truth_at
    stood: dict[tuple[str, int], tuple[Truth, int]] = {}
    for seq in range(options.frames):
        for there in truth(seq):
            stood[there.text, there.since] = there, seq
    long = {key: there for key, (there, last) in stood.items() if last - key[1] >= LONG_ENOUGH * fps}
    found: dict[tuple[str, int], int] = {}
    looks: dict[tuple[str, int], list[ReadPatch]] = {key: [] for key in long}
    for seen in watched(options):
        (figures.busy if seen.looks else figures.still).append(seen.ms)
        for key in long:
            if key[1] <= seen.seq <= stood[key][1]:
                looks[key] += seen.looks
        for reading in seen.said:
            figures.readings += 1
            box = bounding_box(digit.box for digit in reading.digits)
            frames = range(max(0, round(seen.seq - SPARE * fps)), seen.seq + 1)
            near = [there for seq in frames for there in truth(seq) if overlap(there.box, box)]
            match = next((there for there in near if there.text == reading.text), None)
            if match:
                found.setdefault((match.text, match.since), seen.seq)
            else:
                written = near[-1].text if near else "nothing"
                figures.false.append(f"{page} frame {seen.seq}: {reading.text}, written {written}")
    figures.frames += options.frames
    figures.written += len(long)
    figures.accepted += len(long.keys() & found.keys())
    figures.delays += [max(0.0, (found[key] - key[1]) / fps - SETTLE) for key in long.keys() & found.keys()]
    for key in sorted(long.keys() - found.keys(), key=lambda key: key[1]):
        texts = Counter(n.text for _, numbers in looks[key] for n in numbers if overlap(n.box, long[key].box))
        read = ", ".join(f"{text} {times}x" for text, times in texts.most_common(3)) or "nothing"
        where = f"{page} frame {key[1]} to {stood[key][1]}"
        figures.lost[cause(long[key], looks[key])].append(f"{where}: {key[0]}, read {read} in {len(looks[key])} looks")


@click.command()
@click.option(
    "--frames", type=click.IntRange(min=1), default=10_000, show_default=True, help="Number of frames, 5 a second."
)
@click.option("--seed", type=click.IntRange(min=0), default=100, show_default=True, help="Seed of the first page.")
@click.option("--trouble", type=click.Choice(get_args(Disturbance)), default="none", help="Of the simulated camera.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def main(frames: int, seed: int, trouble: Disturbance, as_json: bool) -> None:
    """Counts right, false, missing and late readings in simulated frames; a new page every 500 frames."""
    figures = Figures()
    for page, start in enumerate(range(0, frames, PAGE)):
        options = SimulatedOptions(seed=seed + page, frames=min(PAGE, frames - start), trouble=trouble, realtime=False)
        judge(options, figures)
        click.echo(f"\r{figures.frames} of {frames} frames, {len(figures.false)} false", nl=False, err=True)
    click.echo(err=True)
    said = figures.summary()
    click.echo(json.dumps(said) if as_json else as_text(said))


def as_text(said: dict[str, Any]) -> str:
    """The figures as text: a row for each one, and the lost numbers by cause."""
    lost = said.pop("lost")
    rows = [f"{key:16} {value}" for key, value in said.items()]
    causes = [f"lost, {name:10} {len(lost[name]):4}   {CAUSES[name]}" for name in CAUSES]
    return "\n".join([*rows, *causes, *(f"  {name}: {one}" for name in CAUSES for one in lost[name])])


if __name__ == "__main__":
    main(prog_name="scripts/campaign simulate")
