"""Hard samples for tests: a written number as the collector would store it."""

from __future__ import annotations

import cv2

from edge_daemon.on_device.samples import Sample
from tests.support.pictures.paper import page


def sample(text: str, label: str | None, seed: int = 0) -> Sample:
    pixels = page([(text, 20, 20)], size=(60 + 34 * len(text), 84), seed=seed)
    return Sample(1.0, "tank", "unsure", [(text, 0.6)], [], "d@1", cv2.imencode(".png", pixels)[1].tobytes(), label)
