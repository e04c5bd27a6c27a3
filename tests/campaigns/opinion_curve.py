"""Measures second opinions: accuracy, bytes and delay at several budgets.

Each look at a number is read as the device reads it, three times over as three frames of one view, and judged by the
device's own rule. Where that withholds it, a server is asked through a real broker, as long as the budget lasts; what
it answers is weighed by the device's own rule as well.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_daemon.decision.evidence import MIN_FRAMES, Evidence, Observation
from edge_daemon.decision.observations import main_line, merge_line
from edge_daemon.domain import Candidate, Number, Patch, Status
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.images import crop_number
from edge_daemon.inference.options import ModelOptions
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.connection import Link, Timeouts, connect
from edge_daemon.mqtt.payloads import Question
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion import server as opinion_server
from edge_daemon.second_opinion.engines import Ensemble, open_ensemble
from tests.campaigns.opinion_pictures import FieldPicture, crops, photographed, simulated
from tests.support.brokers.mosquitto import Mosquitto

BUDGETS = (0.0, 0.01, 0.05, 0.2)
"""Budgets as shares of all readings."""
PATIENCE = 60.0
WORDS = ("right", "false", "withheld")


@dataclass(slots=True, eq=False)
class Case:
    """One look, as the device reads it, and what a server says of it."""

    truth: str
    evidence: Evidence
    picture: bytes | None
    """The request; None if the device is confident or sees no number."""
    said: tuple[Candidate, ...] = ()
    size: int = 0
    """Bytes of the question's topic and payload."""
    took: float = 0.0
    """Seconds from the question to its answer."""

    def outcome(self, asked: bool) -> str:
        """One of WORDS."""
        if asked:
            self.evidence.add_second_opinion(self.said, str)
        decision = self.evidence.decision(None)
        self.evidence.second_opinion = None
        if decision is None or decision.status is not Status.OK:
            return "withheld"
        return "right" if decision.text == self.truth else "false"


def read(look: FieldPicture, reader: Reader) -> Case:
    """As the device reads a field that stands still."""
    numbers = reader.read(patch_of_sample(look.pixels))
    number = merge_line(main_line(numbers)) if numbers else None
    evidence = Evidence(0.0)
    for frame in range(MIN_FRAMES):
        status, candidates = (Status.OK, number.candidates) if number else (Status.NO_DIGITS, ())
        evidence.add(Observation(float(frame), 0.0, status, candidates))
    decision = evidence.decision(None)
    doubtful = number is not None and decision is not None and decision.status is Status.LOW_CONFIDENCE
    picture = messages.encode_picture(crop_number(look.pixels, number.box)[0]) if number and doubtful else None
    return Case(look.truth, evidence, picture)


@contextmanager
def answering_server(reader: opinion_server.PictureReader) -> Iterator[Link]:
    """A broker, a server with this reader, and a device's way to it."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        to = BrokerAddress("127.0.0.1", broker.port)
        server = threading.Thread(target=opinion_server.serve, args=(to, reader, stop.is_set))
        server.start()
        try:
            with closing(connect(to, "", Timeouts())) as link:
                link.listen([messages.answer_topic("bench")], 5.0)
                yield link
        finally:
            stop.set()
            server.join()
            broker.stop()


def ask(link: Link, picture: bytes) -> tuple[tuple[Candidate, ...], int, float]:
    """What a server says, the question's bytes, and the seconds it took. Raises TimeoutError."""
    began = time.perf_counter()
    while time.perf_counter() < began + PATIENCE:  # the server may just be starting
        asked = messages.question_message("bench", Question(os.urandom(8).hex(), picture))
        sent = time.perf_counter()
        link.publish(asked)
        while not link.received and time.perf_counter() < sent + PATIENCE / 10:
            link.pump(1.0)
        if link.received:
            answer = messages.parse_answer(link.received.popleft())
            return tuple(answer.candidates), len(asked.topic) + len(asked.payload), time.perf_counter() - sent
    raise TimeoutError("no server answers")


def consult(cases: Sequence[Case], reader: opinion_server.PictureReader) -> None:
    """Ask about all doubtful cases."""
    doubtful = [case for case in cases if case.picture]
    with answering_server(reader) as link:
        for i, case in enumerate(doubtful):
            assert case.picture is not None
            if i == 0:
                ask(link, case.picture)  # the first one waits for the server's start
            case.said, case.size, case.took = ask(link, case.picture)


def at_budget(cases: Sequence[Case], budget: float) -> dict[str, Any]:
    """The cases in their order, asked about while doubtful and within this share of what was read so far."""
    outcomes, asked = dict.fromkeys(WORDS, 0), list[Case]()
    for number, case in enumerate(cases, 1):
        asks = case.picture is not None and len(asked) + 1 <= budget * number
        asked += [case] if asks else []
        outcomes[case.outcome(asks)] += 1
    took = [1000 * case.took for case in asked]
    return {
        "budget": budget,
        "readings": len(cases),
        **outcomes,
        "asked": len(asked),
        "bytes a question": round(float(np.mean([case.size for case in asked]))) if asked else 0,
        "bytes a reading": round(sum(case.size for case in asked) / len(cases), 1),
        "delay ms, median": round(float(np.median(took))) if took else None,
        "delay ms, p95": round(float(np.percentile(took, 95))) if took else None,
    }


class StripsAlone:
    """A reader that asks the strips' network and nothing else."""

    def __init__(self, reader: Reader) -> None:
        self.classifier, self._reader = reader.classifier, reader

    def read(self, patch: Patch) -> list[Number]:
        assert self._reader.strips is not None
        number = self._reader._read_as_line(patch, self._reader.strips)
        return [number] if number else []


def ensembles() -> dict[str, Ensemble]:
    """What a server could be made of."""
    small, large = (open_reader(ModelOptions("bundled", precision=kind)) for kind in ("int8", "float32"))
    strips, alone = StripsAlone(small), replace(large, strips=None)
    made: dict[str, tuple[Sequence[Any], bool]] = {
        "int8, one view": ([small], False),
        "int8, 7 views": ([small], True),
        "float32, one view": ([large], False),
        "float32, 7 views": ([large], True),
        "strips alone, 7 views": ([strips], True),
        "float32 digits alone, 7 views": ([alone], True),
        "strips and float32 digits apart, 7 views": ([strips, alone], True),
    }
    return {name: Ensemble(readers, looks) for name, (readers, looks) in made.items()}


def compare(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Each of them asked about all doubtful cases: what it says, and what becomes of the readings."""
    doubtful = [case for case in cases if case.picture]
    rows = []
    for name, ensemble in ensembles().items():
        began, own, outcomes = time.process_time(), 0, dict.fromkeys(WORDS, 0)
        for case in doubtful:
            assert case.picture is not None
            case.said = tuple(messages.rounded_candidates(tuple(ensemble.read(messages.decode_picture(case.picture)))))
            own += bool(case.said) and case.said[0][0] == case.truth
            outcomes[case.outcome(True)] += 1
        cpu = 1000 * (time.process_time() - began) / max(1, len(doubtful))
        rows.append(
            {"who": name, "asked": len(doubtful), "its best is right": own, **outcomes, "cpu ms": round(cpu, 1)}
        )
    return rows


def sets(args: argparse.Namespace) -> dict[str, list[FieldPicture]]:
    """By name. Raises FileNotFoundError."""
    found = {"simulated": list(simulated(args.count, args.seed))}
    if args.data:
        if not args.data.is_dir():
            raise FileNotFoundError(f"{args.data} is no folder")
        if (args.data / "photos").is_dir():
            found["photos"] = list(photographed(args.data / "photos"))
        if (args.data / "crops").is_dir():
            found["crops"] = list(crops(args.data / "crops", args.count, args.seed))
    rng = np.random.default_rng(args.seed)
    return {name: [looks[i] for i in rng.permutation(len(looks))] for name, looks in found.items()}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {}
    device = open_reader(ModelOptions("bundled", precision="int8"))
    server = open_ensemble(args.model)
    for name, looks in sets(args).items():
        cases = [read(look, device) for look in looks]
        progress(f"{name}: {len(cases)} readings, {sum(case.picture is not None for case in cases)} doubtful")
        report[name] = {"budgets": []}
        if args.compare:
            report[name]["who"] = compare(cases)
        consult(cases, server)
        report[name]["budgets"] = [at_budget(cases, budget) for budget in (*BUDGETS, *([1.0] if args.all else []))]
    return report


def progress(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def table(report: dict[str, Any]) -> str:
    """The figures as text."""
    lines = []
    for name, found in report.items():
        rows = found["budgets"]
        lines += [
            f"{name}, {rows[0]['readings']} readings",
            f"{'budget':>8}{'asked':>8}" + "".join(f"{w:>10}" for w in WORDS),
        ]
        lines[-1] += f"{'bytes/question':>16}{'bytes/reading':>15}{'delay ms':>10}{'p95':>7}"
        for row in rows:
            shares = "".join(f"{100 * row[word] / row['readings']:9.1f}%" for word in WORDS)
            delay, late = (
                ("-" if row[key] is None else str(row[key])) for key in ("delay ms, median", "delay ms, p95")
            )
            lines.append(
                f"{row['budget']:8.0%}{row['asked']:8}{shares}{row['bytes a question']:16}{row['bytes a reading']:15}"
                f"{delay:>10}{late:>7}"
            )
        if "who" in found:
            lines.append(
                f"  {'who could answer':44}{'asked':>6}{'best right':>12}" + "".join(f"{w:>10}" for w in WORDS)
            )
            for row in found["who"]:
                counts = "".join(f"{row[word]:10}" for word in WORDS)
                lines.append(
                    f"  {row['who']:44}{row['asked']:6}{row['its best is right']:12}{counts}{row['cpu ms']:8} ms"
                )
        lines.append("")
    return "\n".join(lines)


def draw(report: dict[str, Any], path: Path) -> None:
    """For each set what becomes of readings, and what it costs, over the budget."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(report), figsize=(4.2 * len(report), 6), squeeze=False, sharex=True)
    for column, (name, found) in enumerate(report.items()):
        rows = found["budgets"]
        budgets = [f"{row['budget']:.0%}" for row in rows]
        above, below = axes[0][column], axes[1][column]
        bottom = np.zeros(len(rows))
        for word, colour in zip(WORDS, ("#3a7d44", "#b3261e", "#c9c9c9"), strict=True):
            shares = np.array([100 * row[word] / row["readings"] for row in rows])
            above.bar(budgets, shares, 0.6, bottom=bottom, color=colour, label=word)
            for place, (share, base) in enumerate(zip(shares, bottom, strict=True)):
                if share >= 4:
                    white = word != "withheld"
                    above.text(place, base + share / 2, f"{share:.1f}", ha="center", va="center", fontsize=8,
                               color="white" if white else "black")  # fmt: skip
            bottom += shares
        above.set(title=f"{name}: {rows[0]['readings']} readings", ylabel="% of readings", ylim=(0, 100))
        below.plot(budgets, [row["bytes a reading"] for row in rows], "o-", color="#1f4e79")
        most = max(row["bytes a reading"] for row in rows)
        below.set(xlabel="budget, share of readings", ylabel="bytes sent a reading", ylim=(0, 1.35 * most or 1))
        for place, row in enumerate(rows):
            if row["asked"]:
                words = f"{row['asked']} asked\n{row['delay ms, median']} ms"
                below.annotate(words, (place, row["bytes a reading"]), textcoords="offset points", xytext=(-4, 8),
                               ha="right", fontsize=8)  # fmt: skip
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="upper right", ncols=3, fontsize=8)
    figure.suptitle("Second opinions: what they are worth, and what they cost")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/campaign opinion-curve", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, help="photos/SET/ with pictures and truth.json, crops/*.npz (default: drawn numbers only)")
    add("--count", type=int, default=200, help="number of drawn numbers and of crops (default: 200)")
    add("--seed", type=int, default=0)
    add(
        "--model",
        action="append",
        default=[],
        help="as in `edge-daemon opinion serve`; several are averaged",
    )
    add("--compare", action="store_true", help="also other servers: other networks, other views, both")
    add("--all", action="store_true", help="also without a budget")
    add("--picture", type=Path, help="draw the curves into this file (PNG)")
    add("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    try:
        report = measure(args)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    if args.picture:
        draw(report, args.picture)
    print(json.dumps(report, indent=1) if args.json else table(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
