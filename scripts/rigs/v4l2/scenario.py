"""The installed service before the kernel's own cameras: test pictures (vivid), written numbers (v4l2loopback).

Runs inside the rig's virtual machine as root, beside the README: python3 -m scripts.rigs.v4l2.scenario.

Prints a line for each thing that was seen to hold, and ends at the first that does not.
"""

from __future__ import annotations

from scripts.rigs.machine import carry_out, told
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
    carry_out(STEPS)


if __name__ == "__main__":
    told(main)
