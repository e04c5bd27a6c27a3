"""Second opinions, on the device: which numbers are asked about, and which answers count.

Asked about is a number that frames cannot agree on surely enough, once for each view of it, one at a time, with a
cut-out of the number and nothing else. An answer counts only if what was asked about is still in view, unchanged, and
the field's accepted value is still the same; then it is evidence (evidence.py), and rules are rules.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_daemon.decision.field_state import Ballot
from edge_daemon.decision.observations import in_frame, joined, main_line
from edge_daemon.decision.voter import Doubtful, Voter
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Box, Grey, Listener, Number, Patch, ReceivedMessage, Status
from edge_daemon.geometry import overlap
from edge_daemon.images import crop_number
from edge_daemon.mqtt.payloads import SecondOpinionCounts
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion.budget import Budget

log = logging.getLogger(__name__)

PAUSE, LONGEST_PAUSE = 5.0, 900.0
"""Seconds from one question to the next; doubled for each that nobody answers."""
MOST = 16
"""Numbers that wait for their turn."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingQuestion:
    """A number as it was when its picture was taken."""

    about: Doubtful
    view: int
    accepted: str | None
    pixels: Grey

    def still_counts(self) -> bool:
        """Whether it is in view, unchanged, and nothing else was accepted since."""
        ballot = self.about.ballot
        seen = ballot.evidence.opinions and ballot.evidence.latest
        return bool(seen and seen.view == self.view and seen.status is Status.OK and _text(ballot) == self.accepted)


class SecondOpinionClient(Listener):
    """Called from the path's thread."""

    def __init__(
        self, device: str, last_values: LastValueCache, voter: Voter, budget: Budget, connected: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`connected`: whether a question can be sent now."""
        self._device, self._last_values, self._voter, self._budget = device, last_values, voter, budget
        self._connected, self._now = connected, now
        self._waiting: dict[str, PendingQuestion] = {}
        self._last: dict[str, tuple[Ballot, int]] = {}
        self._open: tuple[str, PendingQuestion, float] | None = None
        self._pause, self._next = PAUSE, now()
        self._counts: Counter[str] = Counter()

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """What was read in a patch (boxes in its pixels), after the voter has observed it."""
        for about in self._voter.doubtful(patch.field):
            box = _box_of(about.box, patch, numbers)
            view = about.ballot.evidence.latest.view
            if box is None or patch.status is not Status.OK or self._last.get(about.name) == (about.ballot, view):
                continue
            self._waiting[about.name] = PendingQuestion(
                about, view, _text(about.ballot), crop_number(patch.pixels, box)[0]
            )
            if len(self._waiting) > MOST:
                del self._waiting[next(iter(self._waiting))]

    def on_tick(self) -> None:
        """Give up a question that was not answered in time, and send the next one that waits."""
        now = self._now()
        if self._open and now >= self._open[2] + messages.EXPIRY:
            self._open, self._pause = None, min(2 * self._pause, LONGEST_PAUSE)
            self._next = now + self._pause
            self._last_values.cancel_optional()  # where it was never sent, it need not be
            self._counts["unanswered"] += 1
        self._waiting = {name: asked for name, asked in self._waiting.items() if asked.still_counts()}
        if not self._waiting or self._open or now < self._next or not self._connected() or not self._budget.spend():
            return
        name, asked = next(iter(self._waiting.items()))
        del self._waiting[name]
        self._last[name] = (asked.about.ballot, asked.view)
        key, self._next = os.urandom(8).hex(), now + self._pause
        self._open = (key, asked, now)
        self._counts["asked"] += 1
        said = messages.Question(key, messages.encode_picture(asked.pixels))
        self._last_values.send_if_connected(messages.question_message(self._device, said))

    def on_answer(self, received: ReceivedMessage) -> bool:
        """Take an answer; False: it is none, and for somebody else."""
        if received.topic != messages.answer_topic(self._device):
            return False
        try:
            answer = messages.parse_answer(received)
        except ValueError:
            self._counts["refused"] += 1
            return True
        if self._open is None or answer.id != self._open[0]:
            self._counts["ignored"] += 1  # nobody has asked, or it comes too late, or twice
            return True
        _, asked, _ = self._open
        self._open, self._pause = None, PAUSE
        counts = asked.still_counts() and asked.about.ballot.hear(answer.candidates, answer.model)
        self._counts["counted" if counts else "ignored"] += 1
        said = answer.candidates[0][0] if answer.candidates else "nothing"
        told = (asked.about.name, answer.model, said, "" if counts else ", which counts for nothing here and now")
        log.info("%s: a second opinion by %s says %s%s", *told)
        return True

    def counts(self) -> SecondOpinionCounts:
        """For the topic `health`."""
        counts = {kind: self._counts[kind] for kind in ("asked", "counted", "ignored", "refused", "unanswered")}
        return SecondOpinionCounts(**counts, left_today=self._budget.left)


def _text(ballot: Ballot) -> str | None:
    return ballot.accepted.text if ballot.accepted else None


def _box_of(box: Box | None, patch: Patch, numbers: Sequence[Number]) -> Box | None:
    """Where in the patch the number stands: all that a field holds, or what is seen at `box` (pixels of the frame)."""
    if not numbers:
        return None
    if box is None:
        return joined(main_line(numbers)).box
    return next((n.box for n in numbers if overlap(in_frame(n, patch.to_frame).box, box)), None)
