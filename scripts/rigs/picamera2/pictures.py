"""pictures.py FOLDER: draws the virtual camera's pictures with the simulated camera; the noise of each differs."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions

camera = SimulatedCamera(SimulatedOptions(seed=1, surface="paper"))
for number in range(1, 21):
    cv2.imwrite(str(Path(sys.argv[1]) / f"image{number:03}.jpg"), camera.picture(number))
