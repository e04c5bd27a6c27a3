"""Second opinions, on the device: which numbers another engine is asked to read, and which of its answers count.

A question is sent for a number that the frames do not agree on with enough confidence: once for each view of it, one at
a time, with a cut-out of the number and nothing else. An answer counts only if that number is still in view, unchanged,
and the field's accepted value is still the same. Then it is evidence like that of a frame (decision/evidence.py), and
the field's rules apply to it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_daemon.decision.field_state import FieldState
from edge_daemon.decision.observations import in_frame, main_line, merge_line
from edge_daemon.decision.voter import UncertainNumber, Voter
from edge_daemon.domain import Box, Grey, Listener, Number, Patch, ReceivedMessage, Status
from edge_daemon.geometry import overlap
from edge_daemon.images import crop_number
from edge_daemon.mqtt.payloads import Answer, Question, SecondOpinionCounts
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion.budget import Budget
from edge_daemon.second_opinion.channels import Channel

log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds from one question to the next; doubled for each that is not answered."""
LONGEST_PAUSE = 900.0
"""Seconds; the doubling ends here."""
MAX_WAITING = 16
"""Numbers that wait for their question, at most; the oldest is dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingQuestion:
    """A number as it was when its picture was taken."""

    about: UncertainNumber
    view: int
    accepted: str | None
    """The field's accepted text at that time."""
    pixels: Grey
    """The cut-out (h, w)."""

    def is_current(self) -> bool:
        """Whether the number is in view, unchanged, and nothing else was accepted since."""
        state = self.about.state
        seen = state.evidence.observations and state.evidence.latest
        return bool(seen and seen.view == self.view and seen.status is Status.OK and _text(state) == self.accepted)


@dataclass(frozen=True, slots=True, eq=False)
class SentQuestion:
    """The question that waits for its answer."""

    id: str
    pending: PendingQuestion
    at: float
    """When it was sent, monotonic seconds."""


class SecondOpinionClient(Listener):
    """Sends questions within the budget, and passes answers to the votes. Called from the path's thread."""

    def __init__(
        self, device: str, channel: Channel, voter: Voter, budget: Budget, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._device, self._channel, self._voter, self._budget, self._now = device, channel, voter, budget, now
        self._waiting: dict[str, PendingQuestion] = {}
        self._last: dict[str, tuple[FieldState, int]] = {}
        self._sent: SentQuestion | None = None
        self._pause, self._next = PAUSE, now()
        self._counts: Counter[str] = Counter()

    def on_patch(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Queue each number of the patch for which the voter wants a second opinion."""
        for about in self._voter.uncertain_numbers(patch.field):
            box = _box_of(about.box, patch, numbers)
            view = about.state.evidence.latest.view
            if box is None or patch.status is not Status.OK or self._last.get(about.name) == (about.state, view):
                continue
            crop, _ = crop_number(patch.pixels, box)
            self._waiting[about.name] = PendingQuestion(about, view, _text(about.state), crop)
            if len(self._waiting) > MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]

    def on_tick(self) -> None:
        """Process the answer of an engine here, give up a question without an answer, and ask the next one."""
        now = self._now()
        if answer := self._channel.answer():
            self._take(answer)
        if self._sent and now >= self._sent.at + self._channel.patience:
            self._give_up(now)
        self._waiting = {name: pending for name, pending in self._waiting.items() if pending.is_current()}
        if self._waiting and not self._sent and now >= self._next and self._channel.is_open() and self._budget.spend():
            self._send(now)

    def on_answer(self, received: ReceivedMessage) -> bool:
        """Process an answer from the broker. False: the message is for another receiver."""
        if received.topic != messages.answer_topic(self._device):
            return False
        try:
            answer = messages.parse_answer(received)
        except ValueError:
            self._counts["refused"] += 1
            return True
        self._take(answer)
        return True

    def _take(self, answer: Answer) -> None:
        if self._sent is None or answer.id != self._sent.id:
            self._counts["ignored"] += 1  # no question was sent, or the answer comes late, or twice
            return
        pending = self._sent.pending
        self._sent, self._pause = None, PAUSE
        counts = pending.is_current() and pending.about.state.add_second_opinion(answer.candidates, answer.model)
        self._counts["counted" if counts else "ignored"] += 1
        text = answer.candidates[0][0] if answer.candidates else "no number"
        ignored = "" if counts else " (ignored: the number has changed, or the text is not possible here)"
        log.info("%s: second opinion by %s: %s%s", pending.about.name, answer.model, text, ignored)

    def counts(self) -> SecondOpinionCounts:
        """For the topic `health`."""
        counts = {kind: self._counts[kind] for kind in ("asked", "counted", "ignored", "refused", "unanswered")}
        return SecondOpinionCounts(**counts, left_today=self._budget.left)

    def _give_up(self, now: float) -> None:
        self._sent, self._pause = None, min(2 * self._pause, LONGEST_PAUSE)
        self._next = now + self._pause
        self._channel.cancel()
        self._counts["unanswered"] += 1

    def _send(self, now: float) -> None:
        """The question that has waited longest."""
        name, pending = next(iter(self._waiting.items()))
        del self._waiting[name]
        self._last[name] = (pending.about.state, pending.view)
        self._next = now + self._pause
        self._sent = SentQuestion(os.urandom(8).hex(), pending, now)
        self._counts["asked"] += 1
        self._channel.ask(Question(self._sent.id, messages.encode_picture(pending.pixels)))


def _text(state: FieldState) -> str | None:
    return state.accepted.text if state.accepted else None


def _box_of(box: Box | None, patch: Patch, numbers: Sequence[Number]) -> Box | None:
    """The number's box in pixels of the patch: all that the field contains, or the number at `box` of the frame."""
    if not numbers:
        return None
    if box is None:
        return merge_line(main_line(numbers)).box
    return next((n.box for n in numbers if overlap(in_frame(n, patch.to_frame).box, box)), None)
