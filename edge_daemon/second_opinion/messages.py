"""Second opinions as messages: their topics, their JSON, and what of it is believed to be one at all.

Anybody on the broker may send either; so both are bounded before they are taken apart, and typed strictly.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import msgspec
import numpy as np

from edge_daemon.domain import Candidate, Grey, Message, ReceivedMessage
from edge_daemon.images import encode_jpeg
from edge_daemon.mqtt.messages import base

EXPIRY = 30
"""Seconds for which a question, and its answer, is worth anything."""
LARGEST_PICTURE = 12_000
"""Bytes of a cut-out (JPEG)."""
LARGEST_QUESTION = 17_000
"""Bytes of its message, the picture in base64."""
LARGEST_ANSWER = 1024
LONGEST_SIDE = 320
"""Pixels of a cut-out."""
QUALITY = 85
GROUP = "opinions"
"""All servers share one subscription: each question goes to one of them."""
QUESTIONS = "edge_daemon/+/opinion/request"

Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Text = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,32}\Z")]
Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cut-out of one number, and nothing about where it comes from."""

    id: Name
    picture: bytes
    """JPEG, grey."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written there, in another's opinion."""

    id: Name
    """That of the question."""
    candidates: Annotated[list[tuple[Text, Chance]], msgspec.Meta(max_length=3)]
    """Digits only, best first; none: no number can be read."""
    model: Annotated[str, msgspec.Meta(max_length=128)]


def question_topic(device: str) -> str:
    return f"{base(device)}/opinion/request"


def answer_topic(device: str) -> str:
    return f"{base(device)}/opinion/response"


def question_message(device: str, said: Question) -> Message:
    """Never stored, never repeated: what is lost is not missed."""
    return Message(question_topic(device), msgspec.json.encode(said), qos=0, expiry=EXPIRY)


def answer_message(device: str, said: Answer) -> Message:
    return Message(answer_topic(device), msgspec.json.encode(said), qos=0, expiry=EXPIRY)


def parse_question(received: ReceivedMessage) -> tuple[str, Question, Grey]:
    """Who asks, what, and its picture (h, w). Raises ValueError, in words for a log."""
    device = received.topic.removeprefix("edge_daemon/").removesuffix("/opinion/request")
    if received.retain or len(received.payload) > LARGEST_QUESTION or question_topic(device) != received.topic:
        raise ValueError(f"{received.topic[:100]}: expected a fresh question of at most {LARGEST_QUESTION} bytes")
    try:
        said = msgspec.json.decode(received.payload, type=Question)
    except ValueError as error:
        raise ValueError(f"{device}: expected a question; {error}") from None
    return device, said, decode_picture(said.picture)


def parse_answer(received: ReceivedMessage) -> Answer:
    """Raises ValueError."""
    if received.retain or len(received.payload) > LARGEST_ANSWER:
        raise ValueError(f"expected a fresh answer of at most {LARGEST_ANSWER} bytes")
    said = msgspec.json.decode(received.payload, type=Answer)
    if sum(chance for _, chance in said.candidates) > 1.001 or len(dict(said.candidates)) < len(said.candidates):
        raise ValueError("expected chances of different texts, together at most 1")
    return said


def encode_picture(pixels: Grey) -> bytes:
    """A cut-out as JPEG, made smaller until it is small enough to be sent."""
    side = LONGEST_SIDE
    while True:
        scale = min(1.0, side / max(pixels.shape))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        picture = encode_jpeg(np.asarray(small, np.uint8), QUALITY)
        if len(picture) <= LARGEST_PICTURE:
            return picture
        side = side * 3 // 4


def decode_picture(picture: bytes) -> Grey:
    """The other way round. Raises ValueError for what is no small grey JPEG: its size is read before its pixels are,
    for a few bytes may unfold into a gigabyte."""
    size = _jpeg_size(picture)
    if len(picture) > LARGEST_PICTURE or size is None or not (1 < min(size) <= max(size) <= LONGEST_SIDE):
        raise ValueError(f"expected a JPEG of at most {LARGEST_PICTURE} bytes and {LONGEST_SIDE} pixels on a side")
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or max(pixels.shape) > LONGEST_SIDE:
        raise ValueError("expected a whole JPEG")
    return np.asarray(pixels, np.uint8)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from a JPEG's first start-of-frame segment; None where there is none."""
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if marker in (0xC0, 0xC1, 0xC2):
            return int.from_bytes(data[place + 7 : place + 9]), int.from_bytes(data[place + 5 : place + 7])
        place += 2 + length
    return None


def rounded_candidates(candidates: tuple[Candidate, ...]) -> list[tuple[str, float]]:
    """Three at most, rounded so that their sum stays within 1."""
    return [(text, int(chance * 1e4) / 1e4) for text, chance in candidates[:3] if text]
