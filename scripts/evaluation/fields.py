"""Measures fields as the daemon publishes them: settings, patches, recognition and votes of several frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from edge_daemon import app
from edge_daemon.config.schema import parse
from edge_daemon.decision.voter import Voter
from edge_daemon.domain import Candidate, Frame, Number, Reading, Status
from edge_daemon.fields.extract import FieldExtractor
from edge_daemon.inference.options import BUNDLED, ModelOptions
from edge_daemon.recognition.reader import Reader, open_reader
from scripts.evaluation.calibration import ReadNumber
from scripts.evaluation.causes import CONFUSED, confusion
from scripts.evaluation.grouping import ALL_SCENES, Progress, halved
from scripts.evaluation.halves import Half
from scripts.evaluation.scores import percent
from scripts.evaluation.sets import Field, is_repository
from scripts.evaluation.sheets import Tile
from scripts.evaluation.table import Row

FRAMES = 6
"""Frames in which each picture is shown, a second apart."""
SETTINGS = '[device]\nid = "measured"\n[camera]\nsource = "files"\npath = "/"\n'
FIELD = '[[field]]\nname = "f{n}"\nregion = [{region}]\ntext = true\nsettle = "1s"\nformat = "{format}"\n'


class Said(NamedTuple):
    """The answer to one field."""

    text: str
    """"" where nothing was published."""
    status: str
    """"ok", or why it is withheld: a Status, or "unsaid" where nothing was published."""
    confidence: float
    candidates: tuple[Candidate, ...] = ()
    """What was read in the first frame."""


NOTHING = Said("", "unsaid", 0.0)
Read = Callable[[Sequence[Field]], list[Said]]
"""The fields of one picture -> the answer to each."""


class Answer(NamedTuple):
    """A field and the answer to it."""

    field: Field
    said: Said

    @property
    def verdict(self) -> str:
        """ "right", "false", or why it is withheld. Where there is no number, it is right that nothing is published."""
        if self.said.status != Status.OK:
            return self.said.status if self.field.truth else "right"
        return "right" if self.said.text == self.field.truth else "false"

    @property
    def cause(self) -> str:
        """Why it is not right."""
        if self.verdict != "false":
            return self.verdict
        return confusion(self.field.truth, self.said.text) if self.field.truth else FALSE_NUMBER


FALSE_NUMBER = "false number"


def daemon(is_exact: bool = False) -> Read:
    """What the daemon publishes with the bundled model. `is_exact`: the format says how many digits there are."""
    reader = open_reader(ModelOptions(BUNDLED))
    return lambda fields: published(fields, reader, is_exact)


def published(fields: Sequence[Field], reader: Reader, is_exact: bool) -> list[Said]:
    """The last reading of each field of one picture, after FRAMES frames."""
    options = parse("measured", settings(fields, is_exact)).fields
    extractor = FieldExtractor(options)
    voter = Voter(options, reader.classifier.name, reader.classifier.backend, reader.read)
    readings: dict[str, Reading] = {}
    first: dict[str | None, list[Number]] = {}
    for second in range(FRAMES):
        frame = Frame(second, float(second), float(second), fields[0].picture)
        for patch, numbers in app.read_frame(frame, extractor, reader, voter):
            first.setdefault(patch.field, numbers)
        readings |= {record.field: record for record in voter.due(frame.mono) if isinstance(record, Reading)}
    return [said(readings.get(option.name), first.get(option.name, [])) for option in options]


def settings(fields: Sequence[Field], is_exact: bool) -> str:
    """A configuration (TOML) with these fields, named f0, f1 ..."""
    texts = [SETTINGS]
    for n, field in enumerate(fields):
        region = ", ".join(f"{side:.1f}" for side in field.region)
        texts.append(FIELD.format(n=n, region=region, format="#" * len(field.truth) if is_exact else ""))
    return "".join(texts)


def said(reading: Reading | None, numbers: Sequence[Number]) -> Said:
    """The answer from the last reading, and the numbers in the first frame."""
    candidates = numbers[0].candidates if len(numbers) == 1 else ()
    if reading is None:
        return NOTHING._replace(candidates=candidates)
    return Said(reading.text or "", reading.status.value, reading.confidence, candidates)


def read_all(fields: Sequence[Field], read: Read, progress: Progress) -> list[Answer]:
    """All fields read; those of one picture follow each other."""
    pictures = [list(several) for _, several in groupby(fields, key=lambda field: id(field.picture))]
    return [
        Answer(field, answer)
        for several in progress(pictures)
        for field, answer in zip(several, read(several), strict=True)
    ]


# Figures

Ways = dict[str, list[Answer]]
"""AS_DRAWN, WITH_FORMAT, `MARGIN 0.25` ..., PEER -> the answers to the same fields, in the same order."""
AS_DRAWN, WITH_FORMAT, MARGIN, PEER = "as drawn", "with format", "margin", "RapidOCR's recogniser"


def figures(ways: Ways) -> list[Row]:
    """Right and false in per cent, by set and half, of each way; and the fields that are right at each margin."""
    margins = [AS_DRAWN, *(way for way in ways if way.startswith(MARGIN))]
    rows: list[Row] = []
    for (name, half), at in places(ways[AS_DRAWN]):
        row: Row = {"set": name, "half": half, "fields": len(at)}
        for way in (AS_DRAWN, WITH_FORMAT, PEER):
            if way in ways:
                verdicts = [ways[way][i].verdict for i in at]
                row |= {f"{way}: {v}": percent(verdicts.count(v), len(at)) for v in ("right", "false")}
        if len(margins) > 1:
            right = sum(all(ways[way][i].verdict == "right" for way in margins) for i in at)
            row["right at all margins"] = percent(right, len(at))
        row["top three"] = percent(sum(in_top_three(ways[AS_DRAWN][i]) for i in at), len(at))
        rows.append(row)
    return rows


def in_top_three(answer: Answer) -> bool:
    """Whether the truth is a candidate in the first frame, or nothing was read where there is nothing."""
    texts = [text for text, _ in answer.said.candidates]
    return answer.field.truth in texts if answer.field.truth else not texts


def places(answers: Sequence[Answer]) -> Iterator[tuple[tuple[str, Half], list[int]]]:
    """(set, half) and the indexes of its answers; all scenes_* together once more."""
    return halved(range(len(answers)), lambda i: names_of(answers[i].field), lambda i: answers[i].field.half)


def names_of(field: Field) -> list[str]:
    return [field.set, *([ALL_SCENES] if field.set.startswith("scenes_") else [])]


def by_repository(ways: Ways) -> list[Row]:
    """Right and false in per cent by repository, of the fields that are drawn in photos."""
    answers, peer = ways[AS_DRAWN], ways.get(PEER)
    rows: list[Row] = []
    at_all = [i for i, answer in enumerate(answers) if is_repository(answer.field.source)]
    for (name, half), at in halved(at_all, lambda i: [answers[i].field.source], lambda i: answers[i].field.half):
        row: Row = {"repository": name, "half": half, "fields": len(at)}
        for prefix, some in (("", answers), *([("RapidOCR ", peer)] if peer else [])):
            verdicts = [some[i].verdict for i in at]
            row |= {prefix + v: percent(verdicts.count(v), len(at)) for v in ("right", "false")}
        rows.append(row)
    return rows


def why(answers: Sequence[Answer]) -> list[Row]:
    """Fields that are not right, by cause: how a false number differs, or the status that withholds it."""
    rows: list[Row] = []
    statuses = sorted({a.verdict for a in answers} - {"right", "false"})
    for (name, half), at in places(answers):
        count = Counter(answers[i].cause for i in at)
        columns = (*CONFUSED, FALSE_NUMBER, *statuses)
        rows.append({"set": name, "half": half, "right": count["right"], **{c: count[c] for c in columns}})
    return rows


def confidences(answers: Sequence[Answer]) -> list[ReadNumber]:
    """The numbers that were read in the first frame, with their confidence."""
    return [
        ReadNumber(a.field.half, a.said.candidates[0][1], a.said.candidates[0][0] == a.field.truth)
        for a in answers
        if a.said.candidates
    ]


def failed(answers: Sequence[Answer], name: str) -> list[Tile]:
    """The fields of a set that are not right, the false ones first."""
    wrong = [a for a in answers if a.field.set == name and a.verdict != "right"]
    wrong.sort(key=lambda a: a.verdict != "false")
    return [Tile(a.field.pixels, (f"{a.field.set} {a.field.name}", explanation(a))) for a in wrong]


def explanation(answer: Answer) -> str:
    """What is written, what was published, and what was read in the first frame."""
    text, status, confidence, candidates = answer.said
    read = " ".join(f"{number} {chance:.2f}" for number, chance in candidates[:2])
    return f"{answer.field.truth or 'nothing'}: {text or '-'} {confidence:.2f} {status}; read {read or 'nothing'}"
