"""pages.py FOLDER: draws photographs of written numbers, FOLDER/TEXT/N.jpg, for the v4l2loopback camera."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions

PAGES, SHOTS = 3, 6
HOLD = 10.0
"""Seconds from one number to the next; in the middle of them it stands complete."""

options = SimulatedOptions(seed=4, surface="paper", numbers=1, size=(640, 480), hold=HOLD)
camera = SimulatedCamera(options)
seq, seen = 0, set[str]()
while len(seen) < PAGES:
    complete = camera.truth_at(seq)
    if complete and (text := complete[0].text) not in seen and len(camera.truth_at(seq + SHOTS)) == 1:
        seen.add(text)
        (folder := Path(sys.argv[1]) / text).mkdir(parents=True)
        for shot in range(SHOTS):
            cv2.imwrite(str(folder / f"{shot}.jpg"), camera.picture(seq + shot))
    seq += 1
