"""Looks again because somebody asked: the commands read_now, snapshot and set_value.

What takes a few frames is answered later: the function that is returned is asked each round until it has the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edge_daemon.commands.dispatcher import Data, Later
from edge_daemon.decision.voter import Voter
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Grey, Listener, Number, Patch
from edge_daemon.errors import CommandError
from edge_daemon.fields.extract import FieldExtractor, FieldRegion
from edge_daemon.images import encode_jpeg, shrink
from edge_daemon.mqtt import messages

pass

PATIENCE = 8.0
"""Seconds until what has not been decided is answered as undecided; who calls waits ten."""
LONGEST = 640
"""Pixels on the longer side of a snapshot, at most,"""
LARGEST = 64 * 1024
"""and bytes."""
QUALITIES = (80, 60, 40, 20, 5)
"""Of JPEG; the first that makes it small enough."""


class OnDemandReader(Listener):
    """Called from the path's thread."""

    def __init__(
        self,
        device: str,
        last_values: LastValueCache,
        fields: FieldExtractor,
        voter: Voter,
        snapshots: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`snapshots`: pictures of fields may leave the device."""
        self._device = device
        self._last_values = last_values
        self._fields = fields
        self._voter = voter
        self._snapshots = snapshots
        self._now = now
        self._looks = 0
        self._patches: dict[str | None, tuple[int, Patch]] = {}

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """A field has been looked at."""
        self._looks += 1
        self._patches[patch.field] = self._looks, patch

    def read_now(self) -> Later:
        """All fields are read anew, whether they have changed or not, until their frames agree."""
        self._fields.make_due()
        self._voter.look_again()
        before, until = self._looks, self._now() + PATIENCE

        def answer() -> Data | None:
            looked, late = self._looks > before, self._now() > until
            if late and not looked:
                raise CommandError(f"the camera has shown nothing for {PATIENCE:.0f} s")
            if late or (looked and not self._voter.undecided):
                return {"readings": [messages.current_reading(reading) for reading in self._voter.current()]}
            return None

        return answer

    def snapshot(self, field: str) -> Later:
        """A picture of the field as it looks now, and nothing around it, to its topic. Raises CommandError."""
        if not self._snapshots:
            raise CommandError("pictures do not leave this device: [mqtt] snapshots = true would allow it")
        check_field(self._fields.options, field)
        self._fields.make_due()
        before, until = self._looks, self._now() + PATIENCE

        def answer() -> Data | None:
            seq, patch = self._patches.get(field, (0, None))
            if patch is None or seq <= before:
                if self._now() > until:
                    raise CommandError(f"the camera has shown nothing for {PATIENCE:.0f} s")
                return None
            picture = jpeg_within(patch.pixels)
            message = messages.snapshot(self._device, field, picture)
            self._last_values.send_once(message)
            return {"topic": message.topic, "bytes": len(picture), "status": patch.status.value}

        return answer

    def set_value(self, field: str, value: str | int | float, at: float, mono: float) -> Data:
        """What a person says is written in a field is believed. Raises CommandError."""
        check_field(self._fields.options, field)
        try:
            text = self._voter.set_value(field, value, at, mono)
        except ValueError as error:
            raise CommandError(str(error)) from None
        return {"field": field, "text": text}


def check_field(options: Sequence[FieldRegion], field: str) -> None:
    """Raises CommandError where no field is called so."""
    names = [option.name for option in options]
    if field not in names:
        known = f"known are {', '.join(names)}" if names else "none is configured"
        raise CommandError(f"no field {field!r}: {known}")


def jpeg_within(pixels: Grey) -> bytes:
    """A picture (h, w), shrunk until it is small enough to be sent."""
    pixels = shrink(pixels, LONGEST)
    for quality in QUALITIES:
        picture = encode_jpeg(pixels, quality)
        if len(picture) <= LARGEST:
            break
    return picture
