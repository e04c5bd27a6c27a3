"""Draws inputs of one kind for some minutes. Does the program end, say something false, lose something?

Exit code 0 only if nothing of that happened. The same seed draws the same inputs, as far as the time reaches.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.campaigns.fuzz.campaign import run
from tests.campaigns.fuzz.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/campaign fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS, help="what is drawn (tests/README.md describes each)")
    parser.add_argument("--minutes", type=float, default=3.0, metavar="N", help="time to draw (default: 3)")
    parser.add_argument("--cases", type=float, default=math.inf, metavar="N", help="draw no more than these")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: 0)")
    parser.add_argument("--json", action="store_true", help="the faults too as JSON, on stdout")
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        isolate(Path(name))
        figures = run(TARGETS[given.target], Path(name), given.minutes * 60, given.seed, given.cases, report)
    figures_of_it = asdict(figures) | {"seconds": round(time.monotonic() - started)}
    if not given.json:
        del figures_of_it["faults"]
    print(json.dumps(figures_of_it, indent=1))
    sys.exit(1 if figures.faults else 0)


def isolate(folder: Path) -> None:
    """Whatever is started sees no daemon of this machine."""
    for variable, place in {"STATE_DIRECTORY": "state", "RUNTIME_DIRECTORY": "run", "HOME": "home"}.items():
        os.environ[variable] = str(folder / place)
    os.environ.pop("NOTIFY_SOCKET", None)


def report(fault: str) -> None:
    print(fault, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
