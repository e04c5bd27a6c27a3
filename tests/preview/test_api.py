"""What would be published of drafted fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_daemon.preview.api import PreviewApi
from edge_daemon.preview.field_editor import Draft


@pytest.fixture
def api(file: Path, tmp_path: Path) -> Iterator[PreviewApi]:
    made = PreviewApi(file, tmp_path / "state", [tmp_path / "run"])
    yield made
    made.close()


def test_what_would_be_published_and_why_not(api: PreviewApi) -> None:
    """A field waits, then has its number, as with replay; with a format that does not fit it says why not."""
    fields = [Draft({"name": "units", "format": "####", "settle": "0s"}, "units")]
    assert api.draft(fields) == {"problems": []}
    first = api.look("units")["fields"][0]
    assert (first["published"], first["why"][:7]) == (None, "waiting")
    said = [api.look("units")["fields"][0] for _ in range(3)][-1]
    assert said["published"]["status"] == "ok"
    assert said["published"]["text"] == said["now"]["candidates"][0][0]
    assert json.loads(said["message"])["status"] == "ok"
    api.draft([Draft({"name": "units", "format": "##", "settle": "0s"}, "units")])
    said = [api.look("units")["fields"][0] for _ in range(4)][-1]
    assert said["published"]["status"] == "wrong_format"
    assert "format" in said["why"]


def test_numbers_and_meters_of_a_frame(api: PreviewApi) -> None:
    """The page gets the picture, the numbers with up to three candidates, and where the fields lie."""
    told = api.look(None)
    assert told["picture"].startswith("data:image/jpeg;base64,")
    assert told["numbers"]
    assert all(1 <= len(number["candidates"]) <= 3 for number in told["numbers"])
    assert told["meters"]["focus"] > 0
    assert told["fields"][0]["region"][0] == pytest.approx([60 / 640, 160 / 480], abs=1e-3)
    assert told["camera"] == "own"


def test_a_wrong_draft_is_reported_and_the_last_good_one_stays(api: PreviewApi) -> None:
    """Problems have no file and line, which the page does not show."""
    told = api.draft([Draft({"name": "a b"}, "units")])
    assert told["problems"][0].startswith("[[field]] name: expected")
    assert [field["name"] for field in api.look(None)["fields"]] == ["units", "rest"]
