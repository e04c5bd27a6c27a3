"""The installed service before the kernel's own cameras: test pictures (vivid), written numbers (v4l2loopback).

Runs inside the rig's virtual machine as root, beside the README: python3 -m scripts.rigs.v4l2.scenario.

Prints a line for each thing that was seen to hold, and ends at the first that does not.
"""

from __future__ import annotations

import sys
import time

from scripts.rigs.machine import Failed, output
from scripts.rigs.service import broker, keep_password
from scripts.rigs.v4l2 import given, written

STEPS = (
    given.is_listed_and_delivers,
    given.gives_what_was_asked_for,
    given.runs_as_a_service,
    given.is_calibrated,
    given.belongs_to_one_program,
    given.goes_dark,
    given.goes_and_comes_back,
    written.is_read,
    written.hangs_and_comes_back,
    written.is_told_by_the_journal,
)


def main() -> None:
    broker.start()
    keep_password()
    for step in STEPS:
        started = time.monotonic()
        step()
        print(f"ok {time.monotonic() - started:6.1f} s  {step.__doc__}", flush=True)
    print(f"all {len(STEPS)} hold", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        print(f"NOT OK: {failure}", flush=True)
        sys.exit(1)
    finally:
        print("\n$ journalctl -u edge-daemon", flush=True)
        print(output("journalctl", "-u", "edge-daemon", "--no-pager"), flush=True)
