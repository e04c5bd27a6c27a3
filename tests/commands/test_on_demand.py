"""Fields are read again on request."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edge_daemon.commands.on_demand import LARGEST, LONGEST, TIMEOUT, Deferred, OnDemandReader, jpeg_within
from edge_daemon.decision.voter import Voter
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Number, Status
from edge_daemon.errors import CommandError
from tests.support.pictures.stage import Stage
from tests.support.voting import number


class Site:
    """A field whose reader returns the numbers in `said`, and its OnDemandReader."""

    def __init__(self, snapshots: bool = True) -> None:
        self.stage = Stage()
        self.stage.write("38")
        self.last_values, self.time = LastValueCache(), 0.0
        self.voter = Voter(self.stage.options, "digits@1", "cpu")
        self.on_demand = OnDemandReader(
            "dock3", self.last_values, self.stage.fields, self.voter, snapshots, lambda: self.time
        )
        self.said: list[Number] = [number("38")]

    def show(self, seconds: float) -> int:
        """How often the field was read."""
        looks = 0
        for _ in range(round(seconds * 5)):
            frame = self.stage.frame()
            for patch in self.stage.fields.cut(frame, self.voter.undecided):
                self.voter.observe(patch, self.said)
                self.on_demand.on_patch(patch, [])
                looks += 1
            self.voter.due(frame.mono)
        return looks

    def wait_for(self, later: Deferred) -> dict[str, Any]:
        """Frame by frame, until there is a result."""
        while (answer := later()) is None:
            self.show(0.2)
        return answer


@pytest.fixture
def site() -> Site:
    there = Site()
    there.show(5)
    assert there.show(5) == 0  # nothing changes: nothing is read
    return there


def test_read_now_reads_unchanged_fields(site: Site) -> None:
    """An unchanged field is read, too, until its frames agree."""
    site.said = [number("88")]
    later = site.on_demand.read_now()
    assert later() is None
    (seen,) = site.wait_for(later)["readings"]
    assert (seen["field"], seen["status"], seen["text"]) == ("number", "ok", "88")
    assert site.show(5) == 0


def test_read_now_again_and_again(site: Site) -> None:
    """Requests that come before the first is answered share its result: a new beginning each time would delay it."""
    site.said = [number("88")]
    first = site.on_demand.read_now()
    for _ in range(20):
        later = site.on_demand.read_now()
        site.show(0.2)
        if first() is not None:
            break
    else:
        raise AssertionError("never answered")
    assert later() is not None


def test_read_now_of_an_undecided_field(site: Site) -> None:
    """If the frames do not agree, the answer says so, with the candidates."""
    later = site.on_demand.read_now()
    for text in ("38", "88", "33") * 5:
        site.said = [number(text)]
        site.show(0.2)
        assert later() is None
    site.time += TIMEOUT + 1
    (seen,) = (later() or {})["readings"]
    assert (seen["status"], seen["text"], seen["candidates"][0][0]) == ("low_confidence", "38", "33")


def test_a_camera_without_frames(site: Site) -> None:
    """The request fails after a while."""
    waiting = [site.on_demand.read_now(), site.on_demand.snapshot("number")]
    assert [later() for later in waiting] == [None, None]
    site.time += TIMEOUT + 1
    for later in waiting:
        with pytest.raises(CommandError, match="given no frame"):
            later()


def test_snapshot(site: Site) -> None:
    """A picture of the field from after the request, sent once, not retained."""
    later = site.on_demand.snapshot("number")
    assert later() is None
    answer = site.wait_for(later)
    (message,) = site.last_values.queued()
    assert (message.topic, message.qos, message.retain, message.expiry) == (
        "edge_daemon/dock3/snapshot/number", 0, False, 600,
    )  # fmt: skip
    assert (answer["bytes"], answer["status"]) == (len(message.payload), Status.OK)
    picture = cv2.imdecode(np.frombuffer(message.payload, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape[1] > picture.shape[0] > 100  # the field's proportions
    assert picture.min() < 100 < picture.max()


def test_snapshots_are_off_by_default() -> None:
    """No picture leaves the device unless the configuration allows it; an unknown field is refused."""
    with pytest.raises(CommandError, match="snapshots = true"):
        Site(snapshots=False).on_demand.snapshot("number")
    with pytest.raises(CommandError, match="known are number"):
        Site().on_demand.snapshot("auto-1")


def test_a_snapshot_is_small() -> None:
    """Also for noise, which JPEG cannot compress."""
    noise = np.random.default_rng(0).integers(0, 255, (2000, 3000), np.uint8)
    picture = jpeg_within(noise)
    assert len(picture) <= LARGEST
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert max(shown.shape) == LONGEST


def test_set_value(site: Site) -> None:
    """It is accepted and published as an event; a wrong value or an unknown field is refused with a message."""
    assert site.on_demand.set_value("number", 83, 1e9, 0.0) == {"field": "number", "text": "83"}
    assert [getattr(record, "type", "reading") for record in site.voter.due(100.0)] == ["reading", "value_set"]
    with pytest.raises(CommandError, match="does not fit"):
        site.on_demand.set_value("number", "8x", 1e9, 0.0)
    with pytest.raises(CommandError, match="no field 'tank': known are number"):
        site.on_demand.set_value("tank", 83, 1e9, 0.0)
