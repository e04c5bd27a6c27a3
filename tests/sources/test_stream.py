"""A camera on the network: an HTTP server sends a page as MJPEG, and is switched off and on."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.check import camera as check_camera
from edge_daemon.check.finding import Level
from edge_daemon.config import schema
from edge_daemon.domain import Frame
from edge_daemon.errors import CameraError, ConfigError
from edge_daemon.sources.stream import StreamCamera, StreamOptions
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.cameras.mjpeg import NetworkCamera
from tests.support.cameras.rtsp import RtspCamera, missing
from tests.support.pictures.paper import page
from tests.support.program import daemon
from tests.support.received import availability, has_problem, has_texts, readings

RTSP = pytest.mark.skipif(bool(why := missing()), reason=why)
PAGE = page([("2021", 60, 80)], pen=4, height=60)


def first(options: StreamOptions) -> Frame:
    with closing(StreamCamera(options).frames(1.0)) as frames:  # type: ignore[type-var]
        return next(frame for frame in frames if frame is not None)


def test_frames_are_grey_and_upright(tmp_path: Path) -> None:
    """As the camera sends them, turned by the configured rotation, and with the login that it requires."""
    camera = NetworkCamera(PAGE, "dock:p@ss/word")
    (tmp_path / "password").write_text("p@ss/word\n")
    with camera.on():
        frame = first(StreamOptions(camera.url, "dock", str(tmp_path / "password"), rotation=90))
    assert frame.pixels.shape == PAGE.shape[::-1]
    assert np.abs(np.rot90(frame.pixels).astype(int) - PAGE).mean() < 4


def test_a_wrong_login_is_not_logged(tmp_path: Path) -> None:
    """The error names the address; neither name nor password is in it."""
    camera = NetworkCamera(PAGE, "dock:secret")
    (tmp_path / "password").write_text("guessed")
    with camera.on(), pytest.raises(CameraError) as caught:
        first(StreamOptions(camera.url, "dock", str(tmp_path / "password")))
    assert camera.url.removesuffix("/video") in str(caught.value)
    assert "/video" not in str(caught.value)
    assert "guessed" not in str(caught.value)


def test_a_login_in_the_path_or_query_is_not_logged() -> None:
    """The error names scheme, host and port, and nothing else of the URL."""
    camera = NetworkCamera(PAGE)
    with pytest.raises(CameraError) as caught:
        first(StreamOptions(f"{camera.url}/user=dock_password=s3cret?user=dock&pwd=s3cret"))
    assert camera.url.removesuffix("video") not in str(caught.value)
    assert "dock" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_camera_that_takes_the_login_only_in_the_query(tmp_path: Path) -> None:
    """{username} and {password} in the URL are filled; the login is not sent in a header."""
    camera = NetworkCamera(PAGE)
    (tmp_path / "password").write_text("s3&cret\n")
    options = StreamOptions(f"{camera.url}?user={{username}}&pwd={{password}}", "dock", str(tmp_path / "password"))
    with camera.on():
        first(options)
    assert camera.asked == "/video?user=dock&pwd=s3%26cret"


def test_a_camera_that_is_off_is_an_error() -> None:
    """No server there: an error at once, for the daemon to try again."""
    with pytest.raises(CameraError, match="is the camera on"):
        first(StreamOptions(NetworkCamera(PAGE).url))


@pytest.mark.parametrize("digest", [False, True], ids=["basic", "digest"])
def test_single_pictures(tmp_path: Path, digest: bool) -> None:
    """A url of a JPEG is requested for each frame, with the login as the camera asks for it, turned as configured."""
    camera = NetworkCamera(PAGE, "dock:p@ss/wörd", digest)
    (tmp_path / "password").write_text("p@ss/wörd\n")
    options = StreamOptions(camera.snapshot, "dock", str(tmp_path / "password"), active_fps=50.0, rotation=90)
    with camera.on(), closing(StreamCamera(options).frames(1.0)) as frames:  # type: ignore[type-var]
        got = list(islice(filter(None, frames), 4))
    assert np.abs(np.rot90(got[-1].pixels).astype(int) - PAGE).mean() < 4
    assert len(got) <= len(camera.served) - 1 <= len(got) + 1  # the first request asks what it is


def test_single_pictures_are_requested_at_the_wanted_rate() -> None:
    """Not more often than the daemon reads them: a camera may need a second for each."""
    camera = NetworkCamera(PAGE)
    options = StreamOptions(camera.snapshot, active_fps=4.0)
    with camera.on(), closing(StreamCamera(options).frames(1.0)) as frames:  # type: ignore[type-var]
        assert len(list(islice(filter(None, frames), 5))) == 5
        first, *_, last = camera.served[1:]
    assert last - first > 0.8 * (len(camera.served) - 2) / 4


@pytest.mark.parametrize(
    ("kind", "content", "says"),
    [
        ("text/html", b"<html>login</html>", "gives a web page"),
        ("image/jpeg", b"<html>login</html>", "not an image, but a web page"),
        ("image/jpeg", b"\xff\xd8\xff", "damaged|not an image"),
        ("image/png", b"", "damaged|not an image"),
    ],
)
def test_what_is_no_picture_is_an_error(kind: str, content: bytes, says: str) -> None:
    """It says what came instead, without the path; the daemon tries again."""
    camera = NetworkCamera(PAGE)
    camera.answer = kind, content
    with camera.on(), pytest.raises(CameraError, match=says) as caught:
        first(StreamOptions(camera.snapshot))
    assert "snapshot" not in str(caught.value)


def test_a_wrong_login_for_single_pictures_is_told(tmp_path: Path) -> None:
    """The error says which keys to check; neither name nor password is in it."""
    for digest in (False, True):
        camera = NetworkCamera(PAGE, "dock:secret", digest)
        (tmp_path / "password").write_text("guessed")
        with camera.on(), pytest.raises(CameraError, match="another login; check username and password_file") as caught:
            first(StreamOptions(camera.snapshot, "dock", str(tmp_path / "password")))
        assert "guessed" not in str(caught.value)
        assert "dock" not in str(caught.value)


def test_check_says_what_the_camera_gives() -> None:
    """A stream, or single pictures."""
    camera = NetworkCamera(PAGE)
    with camera.on():
        for url, what in ((camera.url, "a stream"), (camera.snapshot, "single pictures, each requested")):
            config = schema.parse("c.toml", f'[camera]\nsource = "stream"\nurl = "{url}"\n')
            ((level, text, *_),) = check_camera.check(config)
            assert level is Level.OK
            assert f"stream ({what}) delivered a frame of 640x480" in text


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://dock:secret@camera/1",
        "ftp://camera/1",
        "camera",
        "rtsp://",
        "http://[::1",
        "http://h:0",
        " http://h",
        "http://h/ ",
    ],
)
def test_a_wrong_url_is_an_error(url: str) -> None:
    """A login in it, another scheme, no host: the error says what is expected, without the password."""
    with pytest.raises(ConfigError, match="expected") as caught:
        schema.parse("c.toml", f'[camera]\nsource = "stream"\nurl = "{url}"\n')
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_camera_that_is_switched_off_and_on(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Its number arrives; off is a problem, and we stay online; on again, the problem is over and frames come."""
    camera = NetworkCamera(PAGE)
    with daemon(tmp_path, broker.url, f'source = "stream"\nurl = "{camera.url}"'):
        with camera.on():
            recorder.wait_for(has_texts("2021"))
        recorder.wait_for(has_problem("camera"))
        with camera.on():
            recorder.wait_for(lambda heard: not has_problem("camera")(heard), timeout=40)
        assert availability(recorder) == [b"online"]
        assert {r["text"] for r in readings(recorder.heard)} == {"2021"}


@pytest.mark.slow
@RTSP
def test_rtsp(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """A camera that speaks RTSP and wants a login: its number arrives; off is a problem, and on again it is over."""
    camera = RtspCamera(tmp_path, PAGE, "dock", "p@ss/word")
    (tmp_path / "password").write_text("p@ss/word\n")
    (tmp_path / "password").chmod(0o600)
    login = f'username = "dock"\npassword_file = "{tmp_path}/password"'
    with daemon(tmp_path, broker.url, f'source = "stream"\nurl = "{camera.url}"\n{login}'):
        with camera.on():
            recorder.wait_for(has_texts("2021"), timeout=40)
        recorder.wait_for(has_problem("camera"), timeout=60)
        with camera.on():
            recorder.wait_for(lambda heard: not has_problem("camera")(heard), timeout=60)
        assert {r["text"] for r in readings(recorder.heard) if r["status"] == "ok"} == {"2021"}


@RTSP
def test_a_wrong_rtsp_login_is_an_error(tmp_path: Path) -> None:
    """At once, without the password."""
    camera = RtspCamera(tmp_path, PAGE, "dock", "secret")
    (tmp_path / "password").write_text("guessed")
    with camera.on(), pytest.raises(CameraError, match="the login") as caught:
        first(StreamOptions(camera.url, "dock", str(tmp_path / "password")))
    assert "guessed" not in str(caught.value)
