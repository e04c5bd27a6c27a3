"""The installed service with the kernel's own cameras: test pictures (vivid), written numbers (v4l2loopback).

Runs inside the rig's virtual machine as root, beside the README: python3 -m scripts.rigs.v4l2.scenario.

Prints a line for each thing that was seen to hold, and ends at the first that does not.
"""

from __future__ import annotations

from scripts.rigs.machine import carry_out, told
from scripts.rigs.service import broker, keep_password
from scripts.rigs.v4l2 import number_camera, pattern_camera

STEPS = (
    pattern_camera.is_listed_and_delivers,
    pattern_camera.gives_what_was_asked_for,
    pattern_camera.runs_as_a_service,
    pattern_camera.is_calibrated,
    pattern_camera.belongs_to_one_program,
    pattern_camera.goes_dark,
    pattern_camera.goes_and_comes_back,
    number_camera.is_read,
    number_camera.hangs_and_comes_back,
    number_camera.is_told_by_the_journal,
)


def main() -> None:
    broker.start()
    keep_password()
    carry_out(STEPS)


if __name__ == "__main__":
    told(main)
