"""Makes samples in several processes at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import cv2

Made = TypeVar("Made")

_maker: list[Callable[[int], Any]] = []  # the function of this worker process


def map_parallel(
    make: Callable[[int], Made], indices: Iterable[int], workers: int | None = None, chunksize: int = 10
) -> list[Made]:
    """`make(index)` for each index, in order. `make` is inherited, not sent: it may hold sets of any size."""
    cv2.setNumThreads(1)  # before any fork: a child that inherits OpenCV's running threads waits for them for ever
    with multiprocessing.get_context("fork").Pool(workers or os.cpu_count(), _adopt, (make,)) as pool:
        return pool.map(_make, indices, chunksize=chunksize)


def _adopt(make: Callable[[int], Any]) -> None:
    _maker[:] = [make]


def _make(index: int) -> Any:
    return _maker[0](index)
