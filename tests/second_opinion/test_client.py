"""Second opinions on the device: asked for once, counted only if nothing has changed, never beyond the budget."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_daemon.decision.rules import FieldOptions
from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Frame, Message, Patch, Reading, ReceivedMessage, Status
from edge_daemon.mqtt.payloads import LARGEST_PICTURE, Answer, Question
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion.budget import Budget
from edge_daemon.second_opinion.channels import BrokerChannel
from edge_daemon.second_opinion.client import PAUSE, SecondOpinionClient
from edge_daemon.second_opinion.messages import EXPIRY
from tests.support import schema_check
from tests.support.voting import FPS, VoterRun, number, pixels_of, units

TOPIC = "edge_daemon/bench/opinion/response"


class Device(VoterRun):
    """A scene with a client that asks for second opinions."""

    def __init__(self, folder: Path, *options: FieldOptions, per_day: int = 10) -> None:
        super().__init__(*options)
        self.last_values, self.online = LastValueCache(), True
        self.budget = Budget(folder / "opinions.json", per_day)
        channel = BrokerChannel("bench", self.last_values, lambda: self.online)
        self.client = SecondOpinionClient("bench", channel, self.voter, self.budget, lambda: self.seq / FPS)

    def look(
        self, text: str, *others: str, sure: float = 0.7, seconds: float = 3.0, written: str = ""
    ) -> list[Reading]:
        """The same number for some time, read with low confidence; `others` are further candidates."""
        said = number(text, sure)
        candidates = ((text, sure), *((other, (1 - sure) / 2) for other in others))
        seen = type(said)(said.box, candidates, said.digits)
        before = len(self.said)
        until = self.seq + round(seconds * FPS)
        pause = 4 if seconds > 5 else 0  # frames come slowly while nothing changes
        while self.seq < until:
            self.show(seen, written=written or text)
            self.seq += pause
            pixels = pixels_of(written or text)
            frame = Frame(self.seq, 0.0, self.seq / FPS, pixels)
            self.client.on_patch(Patch(self.field, frame, pixels, np.eye(3)), [seen])
            self.client.on_tick()
        return self.said[before:]

    def asked(self) -> list[Question]:
        """The questions that are ready to be sent; they are removed."""
        found = self.last_values.optional()
        self.last_values.cancel_optional()
        for message in found:
            assert schema_check.check(message.topic, message.payload) == "question"
        return [messages.parse_question(ReceivedMessage(m.topic, m.payload))[1] for m in found]

    def question(self) -> Question:
        """The only question."""
        (found,) = self.asked()
        return found

    def hear(self, question: Question, *candidates: tuple[str, float]) -> list[Reading]:
        """Process an answer; returns the readings that follow."""
        before = len(self.said)
        message = messages.answer_message("bench", Answer(question.id, list(candidates), "big@1"))
        assert schema_check.check(message.topic, message.payload) == "answer"
        assert self.client.on_answer(ReceivedMessage(message.topic, message.payload))
        for record in self.voter.due(self.seq / FPS):
            (self.said if isinstance(record, Reading) else self.events).append(record)  # type: ignore[arg-type]
        return self.said[before:]

    def counts(self, *kinds: str) -> list[int]:
        health = msgspec.to_builtins(self.client.counts())
        return [health[kind] for kind in kinds]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path, units(settle=1.0))


def test_a_doubtful_number_is_asked_about_once_for_each_view(device: Device) -> None:
    """One question for as long as it stands there; another one for another number."""
    device.look("17", seconds=20)
    assert len(device.asked()) == 1
    device.look("17", seconds=2 * EXPIRY)
    assert device.asked() == []
    device.look("44", seconds=PAUSE + 5)
    assert len(device.asked()) == 1


def test_confident_numbers_are_not_asked_about(device: Device) -> None:
    """Nor is an empty field, nor a number that has not settled yet."""
    device.look("17", sure=0.99, seconds=5)
    device.show(seconds=5)
    assert device.asked() == []
    device.look("55", seconds=0.6)
    assert device.asked() == []


def test_an_answer_that_agrees_is_evidence_enough(device: Device) -> None:
    """The withheld number is published, with an event that names the model that decided."""
    device.look("17")
    assert device.said[-1].status is Status.LOW_CONFIDENCE
    (reading,) = device.hear(device.question(), ("17", 0.98))
    assert (reading.status, reading.text, reading.value) == (Status.OK, "17", 17)
    assert reading.candidates[0][0] == "17"
    assert reading.confidence > 0.85
    assert device.events[-1].type == "reading_corrected"
    assert device.events[-1].detail["second_opinion"] == "big@1"
    assert device.look("17", seconds=5) == []
    assert device.counts("asked", "counted", "ignored") == [1, 1, 0]


def test_an_answer_does_not_overrule_the_frames(device: Device) -> None:
    """Frames read 17 and hold 11 for possible: an answer of 11, itself in doubt, decides for neither."""
    device.look("17", "11", sure=0.7)
    assert device.hear(device.question(), ("11", 0.9)) == []
    assert device.said[-1].status is Status.LOW_CONFIDENCE


def test_an_answer_decides_between_texts_that_the_frames_cannot_separate(device: Device) -> None:
    """Frames give 17 and 11 about the same probability; the other engine is certain of 11."""
    device.look("17", "11", sure=0.4)
    (reading,) = device.hear(device.question(), ("11", 0.99))
    assert (reading.status, reading.text) == (Status.OK, "11")
    assert reading.candidates[0][0] == "11"
    assert sum(confidence for _, confidence in reading.candidates) <= 1.001


def test_an_answer_that_is_no_candidate_is_ignored(device: Device) -> None:
    """Only the device's own candidates can be confirmed."""
    device.look("17", "11")
    assert device.hear(device.question(), ("99", 1.0)) == []
    assert device.counts("counted", "ignored") == [0, 1]


def test_an_answer_of_low_confidence_decides_nothing(device: Device) -> None:
    """It does not lift an uncertain number above the threshold."""
    device.look("17", "11")
    assert device.hear(device.question(), ("17", 0.4), ("11", 0.35)) == []


def test_frames_that_disagree_are_settled_by_an_answer(device: Device) -> None:
    """Two frames read 17 for each one that reads 11, one unchanged picture: low_confidence until 17 is confirmed."""
    for _ in range(30):
        device.look("17", seconds=0.4, sure=0.9, written="17")
        device.look("11", "17", seconds=0.2, sure=0.5, written="17")
    assert device.said[-1].status is Status.LOW_CONFIDENCE
    (reading,) = device.hear(device.question(), ("17", 0.99))
    assert (reading.text, reading.status) == ("17", Status.OK)


@pytest.mark.parametrize("change", ["rewritten", "written anew and read alike", "covered", "set by a person"])
def test_an_answer_after_a_change_is_ignored(device: Device, change: str) -> None:
    """Another number meanwhile, a hand in the way, or another accepted value."""
    device.look("17")
    (question,) = device.asked()
    if change == "rewritten":
        device.look("44", seconds=1)
    elif change == "written anew and read alike":
        device.look("17", seconds=1, written="a 17 by another hand")
    elif change == "covered":
        device.show(seconds=1, status=Status.OBSTRUCTED, written="hand")
    else:
        device.voter.set_value("units", 71, 0.0, device.seq / FPS)
    said = device.hear(question, ("17", 1.0))
    assert [r.text for r in said if r.text == "17"] == []
    assert device.counts("counted", "ignored") == [0, 1]


def test_late_repeated_and_unexpected_answers_are_ignored(device: Device) -> None:
    """Late, repeated and unexpected answers count for nothing."""
    device.look("17")
    (question,) = device.asked()
    device.look("17", seconds=EXPIRY + 1)
    assert device.hear(question, ("17", 1.0)) == []
    assert device.hear(Question("0" * 16, b""), ("17", 1.0)) == []
    assert device.counts("asked", "counted", "ignored", "unanswered") == [1, 0, 2, 1]


def test_rules_hold_for_second_opinions_too(tmp_path: Path) -> None:
    """A value above `max` is withheld, also if it is confirmed."""
    device = Device(tmp_path, units(settle=1.0, max=10))
    device.look("17")
    (reading,) = device.hear(device.question(), ("17", 1.0))
    assert (reading.status, reading.value) == (Status.OUT_OF_RANGE, None)


HOSTILE = {
    "no JSON": b"\xff{",
    "too long": b'{"id": "%s"' + b" " * 2000,
    "another type": b'{"id": "%s", "candidates": [["17", "1"]], "model": "m"}',
    "more than certain": b'{"id": "%s", "candidates": [["17", 1.5]], "model": "m"}',
    "chances above 1": b'{"id": "%s", "candidates": [["17", 0.9], ["11", 0.9]], "model": "m"}',
    "the same twice": b'{"id": "%s", "candidates": [["17", 0.4], ["17", 0.4]], "model": "m"}',
    "no digits": b'{"id": "%s", "candidates": [["1.7", 1.0]], "model": "m"}',
    "too many": b'{"id": "%s", "candidates": [["1", 0.1], ["2", 0.1], ["3", 0.1], ["4", 0.1]], "model": "m"}',
    "not a number": b'{"id": "%s", "candidates": [["17", NaN]], "model": "m"}',
    "an unknown key": b'{"id": "%s", "candidates": [["17", 1.0]], "model": "m", "accept": true}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_invalid_answer_is_refused_and_the_right_one_counts(device: Device, kind: str) -> None:
    """Anybody may send anything to the topic."""
    device.look("17")
    (question,) = device.asked()
    assert device.client.on_answer(ReceivedMessage(TOPIC, HOSTILE[kind].replace(b"%s", question.id.encode())))
    retained = messages.answer_message("bench", Answer(question.id, [("17", 1.0)], "m")).payload
    assert device.client.on_answer(ReceivedMessage(TOPIC, retained, retain=True))
    assert device.counts("refused", "counted") == [2, 0]
    assert [r.text for r in device.hear(question, ("17", 0.98))] == ["17"]


def test_the_budget_is_kept_across_restarts(tmp_path: Path) -> None:
    """Two a day are two, also with a restart in between; the next day there are two more."""
    today = 1_795_485_000.0
    first = Budget(tmp_path / "spent", 2, lambda: today)
    assert first.spend()
    again = Budget(tmp_path / "spent", 2, lambda: today)
    assert again.left == 1
    assert [again.spend(), again.spend()] == [True, False]
    assert Budget(tmp_path / "spent", 2, lambda: today + 86400).left == 2


def test_an_exhausted_budget_asks_nothing(tmp_path: Path) -> None:
    """The second doubtful number of the day stays withheld, as without a server."""
    device = Device(tmp_path, units(settle=1.0), per_day=1)
    device.look("17")
    assert len(device.asked()) == 1
    device.look("44", seconds=2 * EXPIRY)
    assert device.asked() == []
    assert device.counts("asked", "left_today") == [1, 0]


def test_without_a_count_nothing_is_asked(tmp_path: Path) -> None:
    """With a damaged count nothing is left for the day; nor with a folder that cannot be written."""
    (tmp_path / "opinions.json").write_text("{")
    assert Device(tmp_path, units()).budget.left == 0
    assert not Budget(tmp_path / "nowhere" / "spent", 5).spend()


def test_without_a_broker_nothing_is_asked_or_spent(device: Device) -> None:
    """With a connection again, only for numbers still in view."""
    device.online = False
    device.look("17", seconds=20)
    device.look("44", seconds=20)
    assert device.asked() == []
    assert device.budget.left == 10
    device.online = True
    device.look("44", seconds=1)
    assert len(device.asked()) == 1


def test_unanswered_questions_become_rare(device: Device) -> None:
    """Without a server the budget is not used up: new doubtful numbers cause few questions."""
    for i in range(10):
        device.look(str(10 + i), seconds=40)
    assert device.counts("asked")[0] <= 5


def test_a_number_of_the_whole_frame_is_asked_about_with_its_own_cut_out(tmp_path: Path) -> None:
    """Not the frame: the picture is a little larger than the number."""
    device = Device(tmp_path)
    device.look("17", sure=0.99, seconds=3)
    device.look("17", sure=0.5, seconds=20)
    (question,) = device.asked()
    height, width = messages.decode_picture(question.picture).shape
    assert (height, width) < (120, 160)


@pytest.mark.parametrize("shape", [(3, 4000), (4000, 2), (1, 700)])
def test_a_cut_out_of_any_shape_is_encoded(shape: tuple[int, int]) -> None:
    """No side becomes shorter than one pixel."""
    assert messages.encode_picture(np.full(shape, 200, np.uint8))


def test_a_cut_out_is_small_enough_whatever_it_shows() -> None:
    """Noise, which JPEG cannot compress, becomes a smaller picture."""
    noise = np.random.default_rng(1).integers(0, 255, (900, 1900), np.uint8)
    packed = messages.encode_picture(noise)
    assert len(packed) <= LARGEST_PICTURE
    assert max(messages.decode_picture(packed).shape) <= messages.LONGEST_SIDE
    said: Message = messages.question_message("d" * 64, Question("0" * 16, packed))
    assert len(said.payload) <= messages.LARGEST_QUESTION
    assert set(json.loads(said.payload)) == {"id", "picture"}
