"""Shows what the daemon would read and publish with the drafted fields: the same stages, in the page's own process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edge_daemon import app
from edge_daemon.config.schema import Config
from edge_daemon.decision.formats import Format
from edge_daemon.decision.observations import observation_of
from edge_daemon.decision.rules import FieldOptions
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Entry, Frame, Grey, Number, Patch, Reading, Status
from edge_daemon.fields import extract, perspective
from edge_daemon.fields.extract import FieldExtractor, whole_frame
from edge_daemon.images import data_url, encode_jpeg, shrink
from edge_daemon.mqtt import messages
from edge_daemon.preview.camera_meters import measure, remarks
from edge_daemon.recognition.reader import Reader, open_reader
from edge_daemon.tools.explain import WHY

WIDEST = 1280
"""Pixels on the longer side of the picture that is sent to the page."""

SPACE = 0.5
"""Space around a number in the field that is proposed for it, as a share of its height."""

Json = dict[str, Any]
"""A JSON object."""


class DraftView:
    """Reads frames with a drafted configuration. Nothing is published."""

    def __init__(self, config: Config) -> None:
        """Opens the model of the configuration. Raises ModelError."""
        self.reader: Reader = open_reader(config.model)
        self.begin(config)

    def begin(self, config: Config) -> None:
        """Start again with the fields of this configuration; the model stays."""
        classifier = self.reader.classifier
        self.config = config
        self._fields = FieldExtractor(config.fields)
        self._voter = Voter(config.fields, classifier.name, classifier.backend, self.reader.read)
        self._settle = {field["name"]: field["settle"] for field in config.written["fields"]}
        self._newest: dict[str, Json] = {}
        self._published: dict[str, Reading] = {}
        self._found: list[Number] = []
        self._search_at = 0.0

    def look(self, frame: Frame, chosen: str | None = None) -> Json:
        """All that the page shows of a frame; focus is measured in the field named `chosen`."""
        if self.config.fields:
            for patch, numbers in app.read_frame(frame, self._fields, self.reader, self._voter):
                self._note(patch, numbers)
        for record in self._voter.due(frame.mono):
            if isinstance(record, Reading):
                self._published[record.field] = record
        found = self._search(frame)
        height, width = frame.pixels.shape
        meters = measure(frame.pixels, self._cut(frame, chosen), found)
        return {
            "seq": frame.seq,
            "size": [width, height],
            "picture": data_url(encode_jpeg(shrink(frame.pixels, WIDEST)), "jpeg"),
            "meters": asdict(meters),
            "remarks": {name: remark._asdict() for name, remark in remarks(meters).items()},
            "numbers": [_number(number, width, height) for number in found],
            "fields": [self._field(options, width, height) for options in self.config.fields],
        }

    def _search(self, frame: Frame) -> list[Number]:
        """The numbers of the whole frame. At most half of the time is spent on them, so that the picture stays live."""
        began = time.monotonic()
        if began >= self._search_at:
            self._found = self.reader.read(whole_frame(frame))
            now = time.monotonic()
            self._search_at = now + (now - began)
        return self._found

    def _note(self, patch: Patch, numbers: Sequence[Number]) -> None:
        """Keep what the newest patch of a field shows by itself."""
        options = next(field for field in self.config.fields if field.name == patch.field)
        observation = observation_of(numbers, Format(options.format), patch)
        status = patch.status if patch.status is not Status.OK else observation.status
        self._newest[options.name] = {"status": status, "candidates": _shares(observation.candidates)}

    def _cut(self, frame: Frame, chosen: str | None) -> Grey | None:
        """The pixels (h, w) of the field with this name; None if there is none."""
        for options in self.config.fields:
            if options.name == chosen:
                height, width = frame.pixels.shape
                return perspective.cut(frame.pixels, extract.field_corners(options, width, height))[0]
        return None

    def _field(self, options: FieldOptions, width: int, height: int) -> Json:
        """Where a field lies, what is read there now, and what would be published, or why not."""
        corners = perspective.corners(options.region, 0, (width, height)) / np.array([width, height])
        reading, newest = self._published.get(options.name), self._newest.get(options.name)
        answer: Json = {"name": options.name, "region": corners.round(4).tolist(), "now": newest, "published": None}
        answer["why"] = f"waiting: it must be read the same for {self._settle[options.name]} before it is published"
        if reading is not None:
            answer["published"] = {key: getattr(reading, key) for key in ("status", "text", "unit", "votes")}
            answer["why"] = WHY[reading.status]
            entry = Entry(1, f"{self.config.device}/00000000/1", True, reading)
            answer["message"] = messages.encode_record(
                self.config.device, self.config.mqtt.detail, entry, False
            ).payload.decode()
        return answer


def _number(number: Number, width: int, height: int) -> Json:
    """A number that was found: its box as fractions of the frame, its candidates, and the field around it."""
    x, y, w, h = number.box
    box = [round(x / width, 4), round(y / height, 4), round(w / width, 4), round(h / height, 4)]
    pad = SPACE * h
    left, top, right, bottom = (x - pad) / width, (y - pad) / height, (x + w + pad) / width, (y + h + pad) / height
    left, top, right, bottom = (round(min(1.0, max(0.0, side)), 4) for side in (left, top, right, bottom))
    region = [[left, top], [right, top], [right, bottom], [left, bottom]]
    field = {"region": region, "format": "#" * len(number.text)}
    return {"box": box, "candidates": _shares(number.candidates), "field": field}


def _shares(candidates: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(text, round(float(share), 3)) for text, share in candidates[:3]]
