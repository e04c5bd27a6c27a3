"""The page's parts: what is measured, tried, saved, and who gets in."""

from __future__ import annotations

import difflib
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_daemon.config import schema
from edge_daemon.domain import Grey
from edge_daemon.errors import CameraError, ConfigError
from edge_daemon.on_device import frame_share
from edge_daemon.on_device.frame_share import FrameShare
from edge_daemon.preview import field_editor
from edge_daemon.preview.api import PreviewApi
from edge_daemon.preview.auth import Sessions
from edge_daemon.preview.camera_meters import measure
from edge_daemon.preview.field_editor import Draft
from edge_daemon.preview.frames import LiveFrames
from tests.support.pictures.paper import page
from tests.support.program import preview

FILE = """# mine
[camera]
source = "simulated"
seed = 3          # this page
surface = "paper"
hold = 600

[[field]]         # the first
name = "units"
# loosely
region = [60, 160, 420, 110]
min = 0           # never below

[[field]]
name = "rest"
region = [0.1, 0.65, 0.6, 0.2]
accept_after = "1h"

# the broker
[mqtt]
url = "mqtt://127.0.0.1:1"
"""
QUAD = [[0.1, 0.3], [0.8, 0.32], [0.8, 0.6], [0.1, 0.58]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(FILE)
    return path


def read(text: str) -> list[Draft]:
    return [field_editor.draft_of(field) for field in schema.parse("my.toml", text).written["fields"]]


def changes(before: str, after: str) -> list[str]:
    """Lines that went and came."""
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


# Meters


def blurred(pixels: Grey, sigma: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def test_focus_falls_with_blur_and_not_with_light() -> None:
    """The score of ink falls with every step out of focus; half the light changes it by a few points at most."""
    sheet = page([("2021", 200, 150), ("38", 220, 280)], pen=4, height=60)
    scores = [measure(blurred(sheet, sigma), None, []).focus or 0 for sigma in (0.8, 1.5, 2.5, 4.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 2 * scores[-1]
    dark = measure((blurred(sheet, 0.8) * 0.5).astype(np.uint8), None, []).focus
    assert dark == pytest.approx(scores[0], abs=5)


def test_on_an_empty_page_there_is_nothing_to_focus_on() -> None:
    """No score rather than one of the noise."""
    noise = np.random.default_rng(0).normal(200, 2, (480, 640)).astype(np.uint8)
    assert measure(noise, None, []).focus is None


@pytest.mark.parametrize(("brightness", "verdict"), [(5, "too dark"), (70, "dim"), (200, "good"), (255, "too bright")])
def test_light(brightness: int, verdict: str) -> None:
    """A word for it that a person can act on."""
    assert measure(np.full((480, 640), brightness, np.uint8), None, []).verdict == verdict


def test_glare() -> None:
    """A reflection is a share of the picture."""
    sheet = page([("2021", 200, 150)])
    assert measure(sheet, None, []).glare == 0
    cv2.circle(sheet, (320, 240), 120, (255,), cv2.FILLED)
    assert 8 < measure(sheet, None, []).glare < 25


@pytest.mark.parametrize("angle", [-20, 0, 7])
def test_tilt(angle: float) -> None:
    """The angle, clockwise, of a sheet that lies askew."""
    sheet = np.full((480, 640), 90, np.uint8)
    cv2.rectangle(sheet, (120, 100), (520, 380), 220, cv2.FILLED)
    turn = cv2.getRotationMatrix2D((320, 240), -angle, 1.0)  # OpenCV turns anticlockwise
    turned = np.asarray(cv2.warpAffine(sheet, turn, (640, 480), borderValue=(90,)), np.uint8)
    assert measure(turned, None, []).tilt == pytest.approx(angle, abs=1)


# Drafts


def test_nothing_changed_is_nothing_changed() -> None:
    """Read and written, the file is the same to the byte."""
    assert field_editor.with_fields(FILE, read(FILE)) == FILE


def test_what_is_changed_is_changed_where_it_stands() -> None:
    """One key each: added, altered, removed; comments and the keys that the page does not know stay."""
    [units, rest] = read(FILE)
    units.keys |= {"format": "####", "min": None}
    rest.region = QUAD
    assert changes(FILE, field_editor.with_fields(FILE, [units, rest])) == [
        "- min = 0           # never below",
        '+ format = "####"',
        "- region = [0.1, 0.65, 0.6, 0.2]",
        "+ region = [[0.1, 0.3], [0.8, 0.32], [0.8, 0.6], [0.1, 0.58]]",
    ]


def test_fields_come_and_go() -> None:
    """A new one stands after the others, one that was removed takes no comment of others along."""
    [units, _] = read(FILE)
    new = Draft({"name": "new", "unit": "pcs"}, region=[[0.1, 0.2], [0.5, 0.2], [0.5, 0.4], [0.1, 0.4]])
    text = field_editor.with_fields(FILE, [units, new])
    assert [field.name for field in schema.parse("", text).fields] == ["units", "new"]
    assert text.count("#") == FILE.count("#")
    assert 'region = [0.1, 0.2, 0.4, 0.2]\nunit = "pcs"' in text


def test_the_configuration_to_start_from_takes_fields() -> None:
    """What `edge-daemon config` prints, hundreds of comments and not one field, gets one at its end."""
    text = files("edge_daemon").joinpath("default.toml").read_text(encoding="utf-8")
    new = Draft({"name": "new", "format": "##"}, region=QUAD)
    added = field_editor.with_fields(text, [new])
    assert added.startswith(text.rstrip("\n"))
    assert field_editor.with_fields(added, []).rstrip("\n") == text.rstrip("\n")


def test_fields_in_another_form_are_left_alone() -> None:
    """`field = [{...}]` is valid, and told rather than spoiled."""
    text = 'field = [{name = "a", region = [0.1, 0.1, 0.2, 0.2]}]\n'
    with pytest.raises(ConfigError, match="by hand"):
        field_editor.with_fields(text, read(text))


def test_saving_keeps_mode_and_link(file: Path, tmp_path: Path) -> None:
    """The file behind a link is replaced, its mode stays, nothing else is left in the folder."""
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    field_editor.save(link, FILE + "# more\n")
    assert link.is_symlink()
    assert file.read_text().endswith("# more\n")
    assert file.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_wrong_is_not_saved(file: Path) -> None:
    """The file stays as it is, and the problem is told."""
    with pytest.raises(ConfigError, match="A-Z a-z"):
        field_editor.save(file, FILE.replace('"units"', '"a/b"'))
    assert file.read_text() == FILE


# What is tried


@pytest.fixture
def api(file: Path, tmp_path: Path) -> Iterator[PreviewApi]:
    made = PreviewApi(file, tmp_path / "state", [tmp_path / "run"])
    yield made
    made.close()


def test_what_would_be_published_and_why_not(api: PreviewApi) -> None:
    """A field waits, then says its number, as replay would; with a format that does not fit it says why not."""
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


def test_a_wrong_draft_is_told_and_the_last_good_one_stays(api: PreviewApi) -> None:
    """Problems come without file and line, which the page does not show."""
    told = api.draft([Draft({"name": "a b"}, "units")])
    assert told["problems"][0].startswith("[[field]] name: expected")
    assert [field["name"] for field in api.look(None)["fields"]] == ["units", "rest"]


# Whose camera


def test_the_daemon_s_frames_are_seen_while_it_runs(tmp_path: Path) -> None:
    """The camera is left to the daemon; once it has gone the page opens the camera itself."""
    camera = schema.parse("", FILE).camera
    frames = LiveFrames(camera, [tmp_path])
    there = FrameShare(tmp_path / "preview")
    folder = tmp_path / "preview"
    frame_share.request_frames(folder)
    frame = next(f for f in _frames(camera) if f is not None)
    there.show(frame)
    assert frames.next().mono == frame.mono
    assert frames.daemon == os.getpid()
    there.close()
    assert frames.next().pixels.shape == frame.pixels.shape
    assert frames.daemon is None
    frames.close()


def _frames(camera: schema.CameraOptions) -> Iterator[Any]:
    from edge_daemon.sources.kinds import open_source

    return open_source(camera.kind, camera.options).frames(1.0)


def test_a_daemon_without_frames_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs and shows nothing: what to do is said, the camera is not taken from it."""
    monkeypatch.setattr("edge_daemon.preview.frames.TIMEOUT", 0.1)
    there = FrameShare(tmp_path / "preview")
    with pytest.raises(CameraError, match="the daemon shows no frames"):
        LiveFrames(schema.parse("", FILE).camera, [tmp_path]).next()
    there.close()


# Who gets in


def test_each_token_opens_once() -> None:
    """Spent with its use; the next one is announced then."""
    told: list[str] = []
    sessions = Sessions(told.append)
    assert sessions.open("wrong") is None
    secret = sessions.open(told[0])
    assert secret is not None
    assert sessions.is_open(secret)
    assert sessions.open(told[0]) is None
    assert len(told) == 2
    assert not sessions.is_open("")


def test_who_has_no_cookie_sees_nothing(file: Path) -> None:
    """The address opens it once; without its cookie every path is refused; a form of another page is not obeyed."""
    with preview(file) as (process, url):
        base = url.partition("?")[0]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
        for path in ("", "teach", "api/look", "api/samples", "page.css"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(base + path)
        assert b"What the camera sees" in browser.open(url).read()
        [cookie] = jar
        assert cookie.has_nonstandard_attr("HttpOnly")
        answer = browser.open(base + "api/fields")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert [field["was"] for field in json.load(answer)["fields"]] == ["units", "rest"]
        with pytest.raises(urllib.error.HTTPError, match="415"):
            browser.open(base + "api/save", b'{"fields": []}')
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_ends_by_itself(file: Path) -> None:
    """After the time that was set, with exit code 0."""
    with preview(file, "--for", "1s") as (process, _):
        assert process.wait(20) == 0
