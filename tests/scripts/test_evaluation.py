"""scripts/evaluate: what it counts, that it reads as users' commands do, and that reading has not become worse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
from PIL import Image

from edge_daemon.domain import Grey, Number
from scripts.evaluation import (
    calibration,
    causes,
    crops,
    drawn,
    fields,
    halves,
    main,
    photos,
    scores,
    sets,
    table,
    variants,
)
from scripts.evaluation import video as videos
from scripts.evaluation.calibration import ReadNumber
from scripts.evaluation.fields import Said
from scripts.evaluation.peers import in_lines, number_of

T = TypeVar("T")
LOST, FALSE = 1, 1
"""Numbers of one condition (of about 36) that may be lost, or read and not be there, beyond what is stored: runtimes
round int8 differently from one processor to the next. A broken threshold costs several times as much."""
EXIF_ORIENTATION, ON_ITS_SIDE = 0x0112, 6
REGION = (40.0, 30.0, 240.0, 90.0)


def each(items: Sequence[T], /) -> Iterable[T]:
    """Tells nothing."""
    return items


def scored(truth: list[str], texts: list[str], kind: sets.Kind = "lines") -> scores.Scored:
    return scores.score(kind, truth, [number_of(text, 0.9, (0, 0, 1, 1)) for text in texts])


def field(truth: str, picture: Grey, region: tuple[float, float, float, float] = REGION) -> sets.Field:
    return sets.Field("drawn", "somebody/something", "a.png 0", truth, picture, region)


def sheet(text: str, seed: int = 3) -> Grey:
    """A number on paper, within REGION."""
    canvas = drawn.blank((400, 200))
    drawn.put(canvas, np.random.default_rng(seed), text, (70, 50), 48, 3.5)
    return canvas


def in_colour(picture: Grey, seed: int = 0) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """The picture with a grain of every colour: two ways to make it grey differ by one level in places."""
    grain = np.random.default_rng(seed).normal(0, 12, (*picture.shape, 3))
    return np.clip(picture[..., None] + grain, 0, 255).astype(np.uint8)


def edge_daemon(*arguments: str | Path, state: Path) -> list[dict[str, object]]:
    """What the command prints, line by line."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_daemon", *arguments],
        capture_output=True,
        check=True,
        text=True,
        env={"STATE_DIRECTORY": str(state), "PATH": "/usr/bin:/bin"},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


# It reads as the commands do


def test_photos_are_read_as_the_command_reads_them(tmp_path: Path) -> None:
    """Texts, confidences and boxes are those of `edge-daemon read`: in colour, on its side, in JPEG and PNG."""
    lines, _ = drawn.CONDITIONS[0](np.random.default_rng(1))
    cv2.imwrite(str(tmp_path / "a.png"), in_colour(lines))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = ON_ITS_SIDE
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(in_colour(lines, 1))))
    turned.save(tmp_path / "b.jpg", exif=exif, quality=85)
    cv2.imwrite(str(tmp_path / "c.jpg"), sheet("4711"))
    read = photos.command()
    for said in edge_daemon("read", "--json", *sorted(tmp_path.glob("*.*")), state=tmp_path):
        numbers = read(Path(str(said["image"])))
        assert numbers
        found = [(n.text, round(n.confidence, 4), [int(side) for side in n.box]) for n in numbers]
        assert isinstance(said["numbers"], list)
        assert found == [(number["text"], number["confidence"], number["box"]) for number in said["numbers"]]


def test_fields_are_read_as_the_daemon_reads_them(tmp_path: Path) -> None:
    """Status, text and confidence are those of `edge-daemon replay` with the same settings and as many frames."""
    picture = sheet("4711")
    several = [field("4711", picture), field("", picture, (300.0, 120.0, 90.0, 60.0))]
    for n in range(fields.FRAMES):
        cv2.imwrite(str(tmp_path / f"{n}.png"), picture)
    (tmp_path / "state").mkdir()
    settings = tmp_path / "settings.toml"
    settings.write_text(fields.settings(several, is_exact=False))
    records = edge_daemon("replay", "--json", "--every", "1s", tmp_path, "--config", settings, state=tmp_path / "state")
    last = {str(record["topic"]).rsplit("/", 1)[1]: record for record in records if "/reading/" in str(record["topic"])}
    for n, answer in enumerate(fields.read_all(several, fields.daemon(), each)):
        said, text, status, confidence = last[f"f{n}"], *answer.said[:3]
        assert (said["status"], said.get("text") or "") == (status, text)
        assert said["confidence"] == pytest.approx(confidence, abs=1e-3)


def test_everything_is_measured_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with a drawn photo, its field and a line: tables by half, sheets of what failed, answers as JSON."""
    place = tmp_path / "photos" / "drawn"
    place.mkdir(parents=True)
    (tmp_path / "strings").mkdir()
    picture = sheet("4711")
    cv2.imwrite(str(place / "a.png"), picture)
    (place / "truth.json").write_text(json.dumps({"a.png": {"lines": [["4712"]], "source": "somebody/something"}}))
    box, region = [70, 50, 130, 50], [40, 30, 240, 90]
    (place / "fields.json").write_text(json.dumps({"a.png": [{"text": "4712", "box": box, "region": region}]}))
    line = picture[30:120, 40:280]
    np.savez(
        tmp_path / "strings" / "some.npz", pix=line.ravel(), shape=np.array([line.shape]), y=np.array(["4711"]), w=["w"]
    )
    arguments = ["--data", tmp_path, "--json", tmp_path / "all.json", "--sheets", tmp_path / "sheets", "--variants"]
    assert main.main([*map(str, arguments)]) == 0
    printed, kept = capsys.readouterr().out, json.loads((tmp_path / "all.json").read_text())
    assert all(f"{title}:\n" in printed for title in kept["figures"])
    [photo] = kept["figures"]["Photos: numbers lost, and false numbers, by cause"]
    assert (photo["set"], photo["half"], photo["wrong digit"]) == ("drawn", halves.half("somebody/something"), 1)
    [said] = kept["answers"]["lines, as drawn"]
    assert said[4:7] == ["4711", "right", "4711"]
    assert {path.name for path in (tmp_path / "sheets").iterdir()} == {"photos-drawn-1.jpg", "fields-drawn-1.jpg"}


def test_the_digit_network_is_measured_on_crops(tmp_path: Path) -> None:
    """A row for each set and half, the mean, and how many operators are taken for digits."""
    rng = np.random.default_rng(5)
    for name in (*crops.SEVEN, crops.RAW, crops.BY_WRITER, crops.NOT_DIGITS):
        papers = []
        for digit in "0123456789":
            canvas = drawn.blank((48, 48))
            drawn.put(canvas, rng, digit, (14, 8), 32, 3.0)
            papers.append(canvas if name == crops.RAW else 212 - canvas)
        np.savez(tmp_path / f"{name}.npz", x=np.array(papers, np.uint8), y=np.arange(10), w=[str(n) for n in range(10)])
    rows = {(row["set"], row.get("half")): row for row in crops.figures(tmp_path, None, each)}
    assert rows["mnist_test", halves.half("mnist_test")]["crops"] == 10
    assert sum(int(str(rows[crops.BY_WRITER, side]["crops"])) for side in halves.HALVES) == 10
    assert float(str(rows["mean of the first seven", None]["right"])) > 90
    assert "accepted at 1 % false reject" in rows[crops.NOT_DIGITS, None]


def test_videos_are_measured_by_frames(tmp_path: Path) -> None:
    """The numbers in the file's name are looked for in each frame."""
    picture = cv2.cvtColor(sheet("4711"), cv2.COLOR_GRAY2BGR)
    video = cv2.VideoWriter(str(tmp_path / "wall_4711.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (400, 200))
    for _ in range(3):
        video.write(picture)
    video.release()
    assert videos.figures(tmp_path) == [
        {"video": "wall_4711.mp4", "frames": 3, "all numbers": 100.0, "nothing else": 100.0}
    ]


# What it counts


def test_measures_of_a_set_worked_out_by_hand() -> None:
    """Two pictures: one of two numbers right, one false number where nothing is written."""
    found = scores.measures([scored(["20", "21"], ["20", "22"]), scored([], ["4"])])
    assert (found["F1"], found["exact"], found["chars"]) == (50.0, 0.0, 75.0)
    assert (found["false"], found["false where empty"]) == (2, 1.0)


def test_a_grid_is_scored_by_cells_and_an_amount_as_one_number() -> None:
    """Neighbouring cells may be read as one number; the points of an amount are not told."""
    assert scored(["5", "3", "7"], ["53", "7"], "grid").matched == 3
    assert scored(["18014"], ["180", "14"], "digits").matched == 1
    assert scored(["18014"], ["180.14"], "digits").edits == 0


def test_a_written_number_counts_for_one_that_was_read() -> None:
    """Of two equal numbers read where one is written, the more confident one is right and the other false."""
    twice = [Number((0, 0, 1, 1), (("7", sure),), ()) for sure in (0.6, 0.9)]
    assert scores.score("lines", ["7"], twice).right == [False, True]


@pytest.mark.parametrize(
    ("truth", "texts", "expected"),
    [
        (["12", "34"], ["12", "34"], {}),
        (["12", "34"], ["12"], {"not found": 1}),
        (["12"], ["12", "7"], {"false number": 1}),
        (["66666"], ["6666", "6"], {"wrongly split": 1}),
        (["20", "21"], ["2021"], {"wrongly joined": 2}),
        (["2583"], ["2563"], {"wrong digit": 1}),
        (["2583"], ["258"], {"missing digit": 1}),
        (["2583"], ["25831"], {"extra digit": 1}),
        (["12", "34", "56"], ["34", "12", "56"], {"wrong order": 1}),
        (["5", "3"], ["5", "8"], {"wrong digit": 1}),
        (["12", "34", "56"], ["12", "9", "34", "57"], {"false number": 1, "wrong digit": 1}),
    ],
)
def test_each_error_gets_its_cause(truth: list[str], texts: list[str], expected: dict[str, int]) -> None:
    """Every written number that was not read, and every number that is not there, by its cause."""
    assert dict(causes.count([scored(truth, texts)])) == expected


@pytest.mark.parametrize(
    ("truth", "text", "status", "verdict", "cause"),
    [
        ("42", "42", "ok", "right", "right"),
        ("42", "4", "ok", "false", "missing digit"),
        ("42", "", "low_confidence", "low_confidence", "low_confidence"),
        ("", "7", "ok", "false", "false number"),
        ("", "", "no_digits", "right", "right"),
    ],
)
def test_a_field_is_right_or_false_or_withheld(truth: str, text: str, status: str, verdict: str, cause: str) -> None:
    """Only what is published as ok counts; where nothing is written, nothing must be published."""
    answer = fields.Answer(field(truth, sheet("42")), Said(text, status, 0.9))
    assert (answer.verdict, answer.cause) == (verdict, cause)


def test_a_field_must_be_right_at_each_margin() -> None:
    """A field that is right as it is drawn and false when drawn tighter is not right at all margins."""
    one, right, false = field("42", sheet("42")), Said("42", "ok", 0.9), Said("4", "ok", 0.9)
    ways = {
        fields.AS_DRAWN: [fields.Answer(one, right)] * 2,
        f"{fields.MARGIN} 0.5": [fields.Answer(one, right), fields.Answer(one, false)],
    }
    [row] = fields.figures(ways)
    assert (row["as drawn: right"], row["right at all margins"]) == (100.0, 50.0)


def test_a_margin_is_scaled_and_stays_within_the_picture() -> None:
    """Half the margin lies half as far from the digits; a region is never wider than the picture."""
    box, region = [100, 40, 50, 20], [80, 20, 110, 60]
    assert sets.widen(box, region, 0.5, (200, 400)) == (90, 30, 80, 40)
    assert sets.widen(box, region, 4.0, (200, 160)) == (20, 0, 140, 140)


def test_a_source_is_in_one_half_by_its_name_alone() -> None:
    """Photos and fields of one repository are in the same half, and that half never changes; halves are about equal."""
    assert halves.half("scolem/Post-Its") == "choose"
    assert halves.half("coffbr01/golf-scorecard-ocr") == "report"
    assert 150 < sum(halves.half(f"writer {n}") == "choose" for n in range(400)) < 250


def test_confidence_is_compared_with_what_is_right() -> None:
    """Ten numbers read with 0.95, nine of them right: an error of 5 %."""
    [row] = calibration.figures("photos", [ReadNumber("report", 0.96, i > 0) for i in range(10)])
    assert (row["half"], row["ECE, %"], row["of those with 0.95 right, %"]) == ("report", 6.0, 90.0)


def test_agreement_counts_what_both_readings_have(tmp_path: Path) -> None:
    """A reader that says nothing about darker pictures agrees in six of seven variants."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 80), 200, np.uint8))
    photo = sets.Photo("drawn", tmp_path / "a.png", "a.png", "lines", ["7"], is_ambiguous=False)

    def read(path: Path) -> list[Number]:
        return [] if path.stem == "darker" else [number_of("7", 0.9, (0, 0, 1, 1))]

    [row] = variants.agreement(photos.read_all([photo], read, each), read, each)
    assert (row["darker"], row["soft"], row["all"]) == (0.0, 100.0, 92.3)


def test_a_table_is_markdown_with_the_columns_of_all_rows() -> None:
    """A figure that a row lacks is left empty; numbers stand to the right."""
    assert table.table([{"set": "a", "F1": 90.0}, {"set": "bb", "false": 2}]).splitlines() == [
        "| set | F1 | false |",
        "|-----|---:|------:|",
        "| a   | 90 |       |",
        "| bb  |    |     2 |",
    ]


def test_a_peers_boxes_are_put_into_reading_order() -> None:
    """What is level is one line, left to right, whatever order it was found in."""
    boxes = [(200, 12, 50, 20), (10, 10, 50, 20), (10, 60, 50, 20)]
    assert [n.text for n in in_lines([number_of(str(i), 1.0, box) for i, box in enumerate(boxes)])] == ["1", "0", "2"]


def test_reading_has_not_become_worse() -> None:
    """Of the drawn pictures of each condition as many numbers are read, and as few false ones, as is stored."""
    kept, found = json.loads(main.KEPT.read_text()), main.drawn_figures()
    assert found.keys() == kept.keys()
    for condition, then in kept.items():
        now = found[condition]
        assert now["numbers"] == then["numbers"], condition
        assert now["read"] >= then["read"] - LOST, f"{condition}: {now}, kept {then}"
        assert now["false"] <= then["false"] + FALSE, f"{condition}: {now}, kept {then}"
