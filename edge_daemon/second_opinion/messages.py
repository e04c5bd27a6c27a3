"""Questions and answers of second opinions: their topics, their pictures, and the checks on what arrives.

Anybody on the broker may send either. So the size is checked before anything is parsed, and types are strict.
"""

from __future__ import annotations

import io
import struct
import warnings

import cv2
import msgspec
import numpy as np
from PIL import Image

from edge_daemon.domain import Candidate, Grey, Message, ReceivedMessage
from edge_daemon.images import encode_jpeg, resize_by
from edge_daemon.mqtt.messages import base
from edge_daemon.mqtt.payloads import LARGEST_PICTURE, Answer, Question

EXPIRY = 30
"""Seconds after which a question, and its answer, is dropped: the number may have changed."""
LARGEST_QUESTION = 17_000
"""Bytes of its message, the picture in base64."""
LARGEST_ANSWER = 1024
"""Bytes of its message."""
LONGEST_SIDE = 320
"""Pixels of a cut-out."""
QUALITY = 85
"""JPEG quality of a cut-out, 0..100."""
GROUP = "opinions"
"""The shared subscription of all servers: the broker sends each question to one of them."""
QUESTIONS = "edge_daemon/+/opinion/request"
"""Topic filter of the questions of all devices."""
DAMAGE = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError, cv2.error)
"""What Pillow and OpenCV raise for pictures that are damaged or too large."""


def question_topic(device: str) -> str:
    return f"{base(device)}/opinion/request"


def answer_topic(device: str) -> str:
    return f"{base(device)}/opinion/response"


def question_message(device: str, question: Question) -> Message:
    """Sent at most once: a lost question does no harm."""
    return Message(question_topic(device), msgspec.json.encode(question), qos=0, expiry=EXPIRY)


def answer_message(device: str, answer: Answer) -> Message:
    """Sent at most once."""
    return Message(answer_topic(device), msgspec.json.encode(answer), qos=0, expiry=EXPIRY)


def parse_question(received: ReceivedMessage) -> tuple[str, Question, Grey]:
    """The device, its question, and the picture (h, w) in it. Raises ValueError, in words for a log."""
    device = received.topic.removeprefix("edge_daemon/").removesuffix("/opinion/request")
    if received.retain or len(received.payload) > LARGEST_QUESTION or question_topic(device) != received.topic:
        raise ValueError(f"{received.topic[:100]}: expected a fresh question of at most {LARGEST_QUESTION} bytes")
    try:
        question = msgspec.json.decode(received.payload, type=Question)
    except ValueError as error:
        raise ValueError(f"{device}: expected a question; {error}") from None
    return device, question, decode_picture(question.picture)


def parse_answer(received: ReceivedMessage) -> Answer:
    """An answer whose confidences can be true: they add up to 1 at most. Raises ValueError."""
    if received.retain or len(received.payload) > LARGEST_ANSWER:
        raise ValueError(f"expected a fresh answer of at most {LARGEST_ANSWER} bytes")
    answer = msgspec.json.decode(received.payload, type=Answer)
    texts = dict(answer.candidates)
    if sum(confidence for _, confidence in answer.candidates) > 1.001 or len(texts) < len(answer.candidates):
        raise ValueError("expected confidences of different texts, together at most 1")
    return answer


def encode_picture(pixels: Grey) -> bytes:
    """A cut-out (h, w) as JPEG of at most LARGEST_PICTURE bytes; it is shrunk until it fits."""
    side = LONGEST_SIDE
    while True:
        scale = min(1.0, side / max(pixels.shape))
        picture = encode_jpeg(resize_by(pixels, scale) if scale < 1 else pixels, QUALITY)
        if len(picture) <= LARGEST_PICTURE:
            return picture
        side = side * 3 // 4


def decode_picture(picture: bytes) -> Grey:
    """The pixels (h, w) of a received JPEG. Raises ValueError for what is not a small JPEG.

    A few hundred bytes can decode to a gigabyte, so Pillow reads the size first. The pixels are decoded by OpenCV, as
    everywhere; edge_daemon/__init__.py limits what it decodes at all.
    """
    if len(picture) > LARGEST_PICTURE or not 1 < min(size := _size(picture)) <= max(size) <= LONGEST_SIDE:
        raise ValueError(f"expected a JPEG of at most {LARGEST_PICTURE} bytes and {LONGEST_SIDE} pixels on a side")
    try:
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    except DAMAGE:
        pixels = None
    if pixels is None or max(pixels.shape) > LONGEST_SIDE:
        raise ValueError("expected a whole JPEG")
    return np.asarray(pixels, np.uint8)


def rounded_candidates(candidates: tuple[Candidate, ...]) -> list[Candidate]:
    """At most three, with confidences rounded down so that their sum stays within 1."""
    return [(text, int(confidence * 1e4) / 1e4) for text, confidence in candidates[:3] if text]


def _size(picture: bytes) -> tuple[int, int]:
    """Width and height of a JPEG; (0, 0) for anything else."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
            return image.size
    except DAMAGE:
        return 0, 0
