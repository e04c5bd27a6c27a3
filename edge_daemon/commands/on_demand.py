"""The commands read_now, snapshot and set_value: they read fields again on request.

Some take a few frames. They return a Deferred, which is called in each round until it returns the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from edge_daemon.decision.voter import Voter
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Grey, Listener, Number, Patch
from edge_daemon.errors import CommandError
from edge_daemon.fields.extract import FieldExtractor, FieldRegion
from edge_daemon.images import encode_jpeg, shrink
from edge_daemon.mqtt import messages

Data = dict[str, Any]
"""The data of a successful response, as JSON can hold it."""
Deferred = Callable[[], Data | None]
"""A result that takes a few frames; None: not there yet. Raises EdgeDaemonError."""

TIMEOUT = 8.0
"""Seconds until undecided fields are answered as they are; `edge-daemon call` waits for ten."""
LONGEST = 640
"""Pixels on the longer side of a snapshot, at most."""
LARGEST = 64 * 1024
"""Bytes of a snapshot, at most, where the lowest quality allows it."""
QUALITIES = (80, 60, 40, 20, 5)
"""JPEG qualities of a snapshot; the first that makes it small enough is used."""


class OnDemandReader(Listener):
    """Makes fields due for reading, and waits for their result. Called from the path's thread."""

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        fields: FieldExtractor,
        voter: Voter,
        snapshots: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`snapshots`: pictures of fields may be published."""
        self._device = device
        self._last_values = last_values
        self._fields = fields
        self._voter = voter
        self._snapshots = snapshots
        self._now = now
        self._patches_seen = 0
        self._reading: tuple[int, float] | None = None  # the request that is carried out: patches before it, its end
        self._patches: dict[str | None, tuple[int, Patch]] = {}

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Keep the newest patch of each field, with its number."""
        self._patches_seen += 1
        self._patches[patch.field] = self._patches_seen, patch

    def read_now(self) -> Deferred:
        """Read all fields again, changed or not, until their frames agree.

        Requests that come meanwhile get the result of the first: each new beginning would delay the next reading.
        """
        if self._reading is None or self._now() > self._reading[1]:
            self._fields.make_due()
            self._voter.forget_evidence()
            self._reading = self._patches_seen, self._now() + TIMEOUT
        before, until = self._reading

        def result() -> Data | None:
            read, late = self._patches_seen > before, self._now() > until
            if late and not read:
                raise CommandError(f"the camera has given no frame for {TIMEOUT:.0f} s")
            if late or (read and not self._voter.undecided):
                self._reading = None
                return {"readings": [messages.current_reading(reading) for reading in self._voter.current()]}
            return None

        return result

    def snapshot(self, field: str) -> Deferred:
        """Publish a picture of the field, without its surroundings, from the next frame. Raises CommandError."""
        if not self._snapshots:
            raise CommandError("pictures do not leave this device; [mqtt] snapshots = true allows it")
        check_field(self._fields.options, field)
        self._fields.make_due()
        before, until = self._patches_seen, self._now() + TIMEOUT

        def result() -> Data | None:
            seq, patch = self._patches.get(field, (0, None))
            if patch is None or seq <= before:
                if self._now() > until:
                    raise CommandError(f"the camera has given no frame for {TIMEOUT:.0f} s")
                return None
            picture = jpeg_within(patch.pixels)
            message = messages.snapshot(self._device, field, picture)
            self._last_values.send_once(message)
            return {"topic": message.topic, "bytes": len(picture), "status": patch.status.value}

        return result

    def set_value(self, field: str, value: str | int | float, at: float, mono: float) -> Data:
        """Accept the value that a person gives for a field. Raises CommandError.

        `at` is the wall clock in seconds since 1970, `mono` the monotonic clock in seconds.
        """
        check_field(self._fields.options, field)
        try:
            text = self._voter.set_value(field, value, at, mono)
        except ValueError as error:
            raise CommandError(str(error)) from None
        return {"field": field, "text": text}


def check_field(options: Sequence[FieldRegion], field: str) -> None:
    """Raises CommandError if there is no field of this name."""
    names = [option.name for option in options]
    if field not in names:
        known = f"known are {', '.join(names)}" if names else "none is configured"
        raise CommandError(f"no field {field!r}: {known}")


def jpeg_within(pixels: Grey) -> bytes:
    """A picture (h, w) as JPEG, at most LONGEST px on a side, of the best quality that fits into LARGEST bytes."""
    pixels = shrink(pixels, LONGEST)
    for quality in QUALITIES:
        picture = encode_jpeg(pixels, quality)
        if len(picture) <= LARGEST:
            break
    return picture
