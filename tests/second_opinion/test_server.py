"""Second opinions end to end: real brokers, real servers, and one of them killed."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Candidate, Grey, Message, ReceivedMessage
from edge_daemon.mqtt.address import BrokerAddress
from edge_daemon.mqtt.payloads import Question
from edge_daemon.second_opinion import messages
from edge_daemon.second_opinion import server as opinion_server
from tests.support import schema_check
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.brokers.small_brokers import SmallBroker, amqtt
from tests.support.pictures.doubtful import REGION, doubtful_pages
from tests.support.pictures.paper import page
from tests.support.program import daemon, started

QUESTION, ANSWER = "edge_daemon/bench/opinion/request", "edge_daemon/bench/opinion/response"


class Oracle:
    """A PictureReader that returns the same answer for every picture."""

    name = "oracle@1"

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def read(self, pixels: Grey) -> Sequence[Candidate]:
        self.seen.append(pixels.shape)
        return (("42", 0.9), ("47", 0.1))


@contextmanager
def serving(broker: Mosquitto | SmallBroker) -> Iterator[Oracle]:
    """A server in a thread of this process, with an oracle, for the block."""
    oracle, stop = Oracle(), threading.Event()
    thread = threading.Thread(
        target=opinion_server.serve, args=(BrokerAddress("127.0.0.1", broker.port), oracle, stop.is_set)
    )
    thread.start()
    try:
        yield oracle
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def question(number: int) -> Question:
    return Question(f"{number:016x}", messages.encode_picture(page([("42", 20, 20)])[:100, :200]))


def ask(recorder: Recorder, number: int) -> None:
    recorder.say(messages.question_message("bench", question(number)))


def answered(recorder: Recorder) -> list[int]:
    return [int(said["id"], 16) for said in recorder.payloads("/opinion/response")]


def ask_until_answered(recorder: Recorder, first: int) -> None:
    """Send questions until one is answered: a server that is not connected yet misses them."""
    for number in range(first, first + 200):
        ask(recorder, number)
        try:
            recorder.wait_for(lambda _: any(n >= first for n in answered(recorder)), 0.3)
        except AssertionError:
            continue
        return
    raise AssertionError("nobody answers")


def test_a_server_answers(broker: Mosquitto, recorder: Recorder) -> None:
    """On the device's own topic, with the question's id; invalid questions do not stop it."""
    with serving(broker) as oracle:
        ask_until_answered(recorder, 1)
        bomb = question(7).picture.replace((100).to_bytes(2) + (200).to_bytes(2), b"\xff\xff\xff\xff", 1)
        for payload in (b"", b"{", b"x" * 50_000, json.dumps({"id": "0" * 16, "picture": "AAAA"}).encode()):
            recorder.say(Message(QUESTION, payload, qos=0))
        recorder.say(messages.question_message("bench", Question("f" * 16, bomb)))
        ask(recorder, 1000)
        recorder.wait_for(lambda _: 1000 in answered(recorder))
    assert set(oracle.seen) == {(100, 200)}
    assert int("f" * 16, 16) not in answered(recorder)
    for topic, payload in recorder.heard:
        if topic == ANSWER:
            assert schema_check.check(topic, payload) == "answer"


def test_a_server_comes_back_to_its_broker(broker: Mosquitto, recorder: Recorder) -> None:
    """After a restart of the broker it answers again."""
    with serving(broker):
        ask_until_answered(recorder, 1)
        broker.restart(signal.SIGKILL)
        ask_until_answered(recorder, 10_000)


def test_an_older_broker_serves_one_server(caplog: pytest.LogCaptureFixture) -> None:
    """With MQTT 3.1.1 only: questions are answered, and the log says to run one server only."""
    broker = amqtt()
    broker.start()
    try:
        with caplog.at_level(logging.INFO), serving(broker), ExitStack() as stack:
            recorder = Recorder(broker.port, "edge_daemon/#", persist=False)
            stack.callback(recorder.close)
            ask_until_answered(recorder, 1)
    finally:
        broker.stop()
    assert "has no shared subscriptions" in caplog.text


def test_a_huge_picture_is_refused_before_it_is_decoded() -> None:
    """By the size in the header; what is not a JPEG, or truncated, is refused as well."""
    good = question(1).picture
    assert messages.decode_picture(good).shape == (100, 200)
    huge = good.replace((100).to_bytes(2) + (200).to_bytes(2), b"\xff\xff\xff\xff", 1)
    png = cv2.imencode(".png", np.zeros((50, 50), np.uint8))[1].tobytes()
    for bad in (huge, png, good[:20], b"", b"\xff\xd8\xff", good[:2] + b"\xff\xe0\x00\x00" * 9):
        with pytest.raises(ValueError, match="expected a"):
            messages.decode_picture(bad)


def bomb(side: int) -> bytes:
    """127 bytes: side x side pixels in an arithmetic-coded scan, within which a header of 200 x 100 lies."""
    whole = question(1).picture
    segments, place = [], 2
    while whole[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(whole[place + 2 : place + 4])
        segments.append(whole[place:end])
        place = end
    scan = whole[place : place + 2 + int.from_bytes(whole[place + 2 : place + 4])]
    (header,) = (segment for segment in segments if segment[1] == 0xC0)
    huge = b"\xff\xc9" + header[2:5] + side.to_bytes(2) * 2 + header[9:]
    tables = [segment for segment in segments if segment[1] not in (0xC0, 0xC4)]
    return b"\xff\xd8" + b"".join(tables) + huge + scan + header + b"\xff\xd9"


@pytest.mark.parametrize("side", [8000, 32_000, 65_500])
def test_a_small_file_that_decodes_to_gigabytes_is_not_decoded(side: int) -> None:
    """Whichever header a reader believes: Pillow refuses its size, and OpenCV decodes nothing beyond its own limit."""
    assert len(bomb(side)) < 200
    with pytest.raises(ValueError, match="320 pixels"):
        messages.decode_picture(bomb(side))
    if side > 10_000:
        with pytest.raises(cv2.error, match="MAX_IMAGE_PIXELS"):
            cv2.imdecode(np.frombuffer(bomb(side), np.uint8), cv2.IMREAD_GRAYSCALE)


def test_whatever_goes_wrong_with_a_question_the_server_goes_on(
    broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error, in the picture or in the reader, leaves only one question unanswered."""
    with serving(broker) as oracle:
        ask_until_answered(recorder, 1)
        recorder.say(messages.question_message("bench", Question("e" * 16, bomb(65_500))))
        for number, error in enumerate((MemoryError(), cv2.error("an assertion"), SystemError("bad")), 500):
            with monkeypatch.context() as patch:
                patch.setattr(oracle, "read", raises(error))
                before = failures(caplog)
                ask(recorder, number)
                waited = time.monotonic() + 10
                while failures(caplog) == before and time.monotonic() < waited:
                    time.sleep(0.02)
        ask(recorder, 1000)
        recorder.wait_for(lambda _: 1000 in answered(recorder))
    assert not {500, 501, 502, int("e" * 16, 16)} & {*answered(recorder)}


def failures(caplog: pytest.LogCaptureFixture) -> int:
    """Questions that ended in an unexpected error so far."""
    return sum(record.exc_info is not None for record in caplog.records)


def raises(error: Exception) -> Callable[[Grey], Sequence[Candidate]]:
    def read(pixels: Grey) -> Sequence[Candidate]:
        raise error

    return read


def test_a_retained_question_is_not_answered() -> None:
    """It would be answered at each start of a server."""
    said = messages.question_message("bench", question(1))
    with pytest.raises(ValueError, match="fresh"):
        messages.parse_question(ReceivedMessage(said.topic, said.payload, retain=True))


@contextmanager
def server(broker: Mosquitto) -> Iterator[subprocess.Popen[str]]:
    """`edge-daemon opinion serve` as a user starts it."""
    with started("opinion", "serve", "--broker", broker.url) as process:
        assert process.stderr is not None
        while "ready" not in process.stderr.readline():
            assert process.poll() is None
        yield process


def field(**keys: str) -> str:
    more = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[field]]\nname = "units"\nregion = {list(REGION)}\nsettle = "1s"\n{more}'


@pytest.mark.slow
def test_two_servers_one_killed(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Readings go on, questions to the killed server expire, and all later ones are answered."""
    pages, folder = doubtful_pages(), tmp_path / "pictures"
    folder.mkdir()

    def show(number: int) -> None:
        cv2.imwrite(str(tmp_path / "next.png"), next(pages))
        (tmp_path / "next.png").replace(folder / f"{number}.png")

    show(0)
    camera = f'source = "files"\npath = "{folder}"\nwatch = true'
    keys = field(heartbeat='"1s"') + "[opinion]\nper_day = 50\n"
    with ExitStack() as stack:
        first, second = stack.enter_context(server(broker)), stack.enter_context(server(broker))
        stack.enter_context(daemon(tmp_path, broker.url, camera, keys))
        recorder.wait_for(lambda _: recorder.count("/opinion/response") >= 1, 60)

        for number in range(20):  # more than they answer at once: both have some in their hands
            ask(recorder, number)
        first.send_signal(signal.SIGKILL)
        first.wait()
        recorder.wait_for(lambda _: answered(recorder)[-1] in range(20), 30)
        said = recorder.count("/reading/units")
        recorder.wait_for(lambda _: recorder.count("/reading/units") >= said + 3, 15)

        for number in range(1000, 1010):
            ask(recorder, number)
        recorder.wait_for(lambda _: {*range(1000, 1010)} <= {*answered(recorder)}, 60)

        before = {q["id"] for q in recorder.payloads("/opinion/request")}
        show(1)
        recorder.wait_for(lambda _: {q["id"] for q in recorder.payloads("/opinion/request")} - before, 60)
        own = ({q["id"] for q in recorder.payloads("/opinion/request")} - before).pop()
        recorder.wait_for(lambda _: int(own, 16) in answered(recorder), 30)

        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0
    numbers = answered(recorder)
    assert len(numbers) == len({*numbers}), "a question was answered twice"
    schema_check.check_all(recorder.heard)


@pytest.mark.slow
def test_the_budget_holds_across_a_restart(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """With one a day: one cut-out, of the number only; none after a restart, with the number still in view."""
    picture = next(doubtful_pages())
    cv2.imwrite(str(tmp_path / "page.png"), picture)
    camera = f'source = "files"\npath = "{tmp_path / "page.png"}"\nloop = true'
    keys = field() + "[opinion]\nper_day = 1\n"
    for start in (1, 2):
        with daemon(tmp_path, broker.url, camera, keys) as process:
            recorder.wait_for(partial(has_said_low, recorder, start), 30)
            recorder.wait_for(lambda _: recorder.count("/opinion/request") == 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    assert recorder.count("/opinion/request") == 1
    (payload,) = [payload for topic, payload in recorder.heard if topic == QUESTION]
    _, _, pixels = messages.parse_question(ReceivedMessage(QUESTION, payload))
    assert pixels.size < picture.size / 4
    assert recorder.payloads("/health")[-1]["opinions"]["left_today"] == 0


def has_said_low(recorder: Recorder, times: int, _: object) -> bool:
    return len(low(recorder)) == times


def low(recorder: Recorder) -> list[dict[str, object]]:
    return [r for r in recorder.payloads("/reading/units") if r["status"] == "low_confidence"]
