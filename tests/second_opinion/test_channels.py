"""Second opinions on the device itself: in a process that ends after each question."""

from __future__ import annotations

import pytest

from edge_daemon.mqtt.payloads import Answer, Question
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion.channels import LocalChannel
from tests.support.pictures.paper import page

PICTURE = messages.encode_picture(page([("42", 40, 40)], height=50)[:130, :200])


@pytest.fixture
def channel() -> LocalChannel:
    return LocalChannel(lambda: True)


def answer_of(channel: LocalChannel) -> Answer | None:
    """Wait until the process has ended; what it says."""
    child = channel._child
    assert child is not None
    child._process.wait(channel.patience)
    return channel.answer()


def test_a_question_is_answered_on_the_device(channel: LocalChannel) -> None:
    """With its id; once."""
    channel.ask(Question("1" * 16, PICTURE))
    answer = answer_of(channel)
    assert answer is not None
    assert answer.id == "1" * 16
    assert answer.candidates[0][0] == "42"
    assert channel.answer() is None


def test_a_crash_of_the_engine_is_told_once(channel: LocalChannel, caplog: pytest.LogCaptureFixture) -> None:
    """A picture that is none ends only the child; so does a kill."""
    for _ in range(2):
        channel.ask(Question("0" * 16, b"no picture"))
        assert answer_of(channel) is None
    channel.ask(Question("0" * 16, PICTURE))
    assert channel._child is not None
    channel._child._process.kill()
    assert answer_of(channel) is None
    assert [record.message for record in caplog.records if "engine" in record.message][1:] == [
        "no second opinions on this device: the engine was killed by SIGKILL"
    ]


def test_a_question_that_is_given_up_ends_its_process(channel: LocalChannel) -> None:
    """Also when the daemon ends."""
    channel.ask(Question("0" * 16, PICTURE))
    process = channel._child._process if channel._child else None
    channel.cancel()
    assert process is not None
    assert process.poll() is not None
    assert channel.answer() is None
