"""Files as pictures: good ones as they are, bad ones as one clear line each."""

from __future__ import annotations

import os
import struct
import zlib
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge_daemon.domain import Frame
from edge_daemon.errors import PictureError
from edge_daemon.sources.files import FilesCamera, FilesOptions
from edge_daemon.sources.kinds import open_source, options_type
from edge_daemon.sources.pictures import Picture, pictures
from edge_daemon.sources.simulated.handwriting import Writer, draw
from edge_daemon.sources.video import Colour
from tests.support.clock import FakeClock


def _page(text: str = "2021") -> Image.Image:
    """A drawn page, 160 x 80."""
    page = np.full((80, 160), 230, np.uint8)
    draw(
        page,
        [stroke + np.array([20, 20], np.float32) for stroke in Writer(1).number(text, 40).strokes],
        3,
        40,
    )
    return Image.fromarray(page)


def _read(*paths: Path | str) -> list[Picture | PictureError]:
    return list(pictures([str(path) for path in paths]))


def _error(*paths: Path | str) -> str:
    (error,) = _read(*paths)
    assert isinstance(error, PictureError)
    assert "\n" not in str(error)
    return str(error)


def _picture(path: Path) -> Picture:
    (picture,) = _read(path)
    assert isinstance(picture, Picture), picture
    return picture


def _png(width: int, height: int) -> bytes:
    """A well-formed PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _video(path: Path, frames: int = 30, fps: float = 10.0) -> Path:
    """Frame i of the video is everywhere of grey 5 i."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (160, 80))
    for i in range(frames):
        writer.write(np.full((80, 160, 3), 5 * i, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "bmp", "webp", "tif"])
def test_image_formats(tmp_path: Path, suffix: str) -> None:
    """Each format comes back as the grey picture that went in, under the name it was given by."""
    path = tmp_path / f"page.{suffix}"
    _page().save(path)
    picture = _picture(path)
    assert picture.name == str(path)
    assert picture.index is None
    assert picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels.astype(int) - np.asarray(_page())).mean() < 3


def test_colour_on_request(tmp_path: Path) -> None:
    """Grey is the brightness of the colours, and the colours come as OpenCV has them: blue, green, red."""
    Image.new("RGB", (8, 6), (250, 100, 0)).save(tmp_path / "orange.png")
    picture = _picture(tmp_path / "orange.png")
    assert picture.pixels[0, 0] == round(0.299 * 250 + 0.587 * 100)
    assert picture.colour()[0, 0].tolist() == [0, 100, 250]


def test_exif_orientation(tmp_path: Path) -> None:
    """The orientation that a phone notes in EXIF is undone, in grey and in colour."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is on the right
    _page().rotate(90, expand=True).save(tmp_path / "phone.jpg", exif=exif)
    picture = _picture(tmp_path / "phone.jpg")
    assert picture.pixels.shape == (80, 160)
    assert picture.colour().shape == (80, 160, 3)
    assert np.abs(picture.pixels.astype(int) - np.asarray(_page())).mean() < 3


def test_transparency_is_white_and_16_bits_are_scaled(tmp_path: Path) -> None:
    """Transparent parts are white paper; 16 bits a pixel become 8 by their upper half."""
    Image.new("RGBA", (8, 6), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.fromarray(np.full((6, 8), 40000, np.uint16)).save(tmp_path / "deep.png")
    assert _picture(tmp_path / "clear.png").pixels[0, 0] == 255
    assert _picture(tmp_path / "deep.png").pixels[0, 0] == 40000 >> 8
    assert _picture(tmp_path / "deep.png").colour()[0, 0].tolist() == [40000 >> 8] * 3


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.97])
def test_truncated(tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str, kept: float) -> None:
    """A picture whose end is missing is refused with its name, and no library writes to the terminal."""
    path = tmp_path / f"cut.{suffix}"
    _page().save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert _error(path).startswith(f"{path}: ")
    assert capfd.readouterr() == ("", "")


def test_damaged_tiff_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """libtiff, which writes to the terminal itself, is silenced."""
    path = tmp_path / "bad.tif"
    _page().save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[20:400] = b"\xff" * 380
    path.write_bytes(data)
    assert _error(path).startswith(f"{path}: ")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jpg", b"", "empty"),
        ("page.png", b"<html>404</html>", "not an image"),
        ("no suffix", b"\0" * 100, "not an image"),
        ("wide.png", _png(65500, 20), "65500 x 20 pixels; at most 16384 on a side"),
        ("bomb.png", _png(50000, 50000), "50000 x 50000 pixels; at most 16384 on a side"),
        ("big.png", _png(16000, 16000), "16000 x 16000 pixels; at most 64 megapixels"),
        ("junk.mp4", b"hello" * 1000, "not a video"),
        ("empty.avi", b"", "empty"),
    ],
)
def test_bad_files(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes, says: str) -> None:
    """Each kind of bad file is one clear line that names it and what is wrong; no library prints."""
    path = tmp_path / name
    path.write_bytes(content)
    assert _error(path).startswith(f"{path}: ")
    assert says in _error(path)
    assert capfd.readouterr() == ("", "")


def test_missing_files_and_empty_folders(tmp_path: Path) -> None:
    """A missing path, a special file and a folder without pictures each have their own message."""
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "no such file" in _error(tmp_path / "missing.jpg")
    assert "neither a file nor a folder" in _error(tmp_path / "pipe.jpg")
    assert "embedded null" in _error("a\0b.jpg")
    (tmp_path / "folder").mkdir()
    assert "no pictures in this folder" in _error(tmp_path / "folder")


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """One bad file among good ones costs only itself, and the order stays."""
    for name in ("img10.png", "img2.png"):
        _page().save(tmp_path / name)
    (tmp_path / "img3.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a picture")
    got = _read("missing.png", tmp_path, tmp_path / "img2.png")
    assert [isinstance(item, PictureError) for item in got] == [True, False, True, False, False]
    names = [item.name for item in got if isinstance(item, Picture)]
    assert names == [f"{tmp_path}/img2.png", f"{tmp_path}/img10.png", f"{tmp_path}/img2.png"]


def test_video_frames(tmp_path: Path) -> None:
    """A video is its frames in order, each with its number, in grey and colour."""
    got = _read(_video(tmp_path / "clip.avi"))
    frames = [item for item in got if isinstance(item, Picture)]
    assert [frame.index for frame in frames] == list(range(30))
    assert [round(float(frame.pixels.mean())) for frame in frames] == pytest.approx(range(0, 150, 5), abs=1)
    colour: Colour = frames[3].colour()
    assert colour.shape == (80, 160, 3)


def test_a_truncated_video(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The frames that are there are read, then an error says that there should be more."""
    path = _video(tmp_path / "clip.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *frames, last = _read(path)
    assert len(frames) >= 5
    assert isinstance(last, PictureError)
    assert "of 30 frames; truncated?" in str(last)
    assert capfd.readouterr() == ("", "")


def _camera(path: Path, clock: FakeClock, loop: bool = False, fps: float = 5.0) -> FilesCamera:
    return FilesCamera(FilesOptions(str(path), loop, fps), clock.now, clock.sleep)


def _shades(frames: list[Frame | None]) -> list[int]:
    return [round(float(frame.pixels.mean()) / 5) for frame in frames if frame]


def test_camera_shows_an_image_without_end(tmp_path: Path) -> None:
    """An image is a still scene: the same picture at each frame time, each an owned copy, loop or not."""
    _page().save(tmp_path / "page.png")
    clock = FakeClock()
    frames = list(islice(_camera(tmp_path / "page.png", clock).frames(tick=1.0), 20))
    assert [frame.seq for frame in frames if frame] == list(range(20))
    assert clock.time == pytest.approx(100 + 19 * 0.2)
    assert frames[0] is not None
    assert frames[1] is not None
    frames[0].pixels[:] = 0
    assert frames[1].pixels.any()


@pytest.mark.parametrize(("loop", "expected"), [(False, [10, 20, 30]), (True, [10, 20, 30, 10, 20, 30, 10])])
def test_camera_shows_the_pictures_of_a_folder(tmp_path: Path, loop: bool, expected: list[int]) -> None:
    """Each picture is shown for one frame time; then it ends, or starts again."""
    for name, grey in [("a9.png", 50), ("a10.png", 100), ("b.png", 150)]:
        Image.new("L", (8, 6), grey).save(tmp_path / name)
    clock = FakeClock()
    frames = list(islice(_camera(tmp_path, clock, loop).frames(tick=1.0), 7))
    assert _shades(frames) == expected
    assert clock.time == pytest.approx(100 + 0.2 * min(3 if not loop else 6, len(frames)))


def test_camera_plays_a_video_at_its_own_speed(tmp_path: Path) -> None:
    """Three seconds of video take three seconds, and active_fps frames of each second are read."""
    clock = FakeClock()
    frames = list(_camera(_video(tmp_path / "clip.avi"), clock, fps=5.0).frames(tick=1.0))
    assert _shades(frames) == list(range(0, 30, 2))
    assert clock.time == pytest.approx(103)


def test_a_slow_consumer_misses_frames(tmp_path: Path) -> None:
    """A consumer that takes half a second per frame of a video misses the frames in between."""
    clock = FakeClock()
    shades = []
    for frame in _camera(_video(tmp_path / "clip.avi"), clock, fps=10.0).frames(tick=1.0):
        shades += _shades([frame])
        clock.time += 0.5
    assert shades == [0, 5, 10, 15, 20, 25]


def test_camera_ticks(tmp_path: Path) -> None:
    """Between slow pictures there is a None for every tick that passes."""
    _page().save(tmp_path / "page.png")
    camera = _camera(tmp_path / "page.png", FakeClock(), fps=0.4)
    got = [frame and frame.seq for frame in islice(camera.frames(tick=1.0), 5)]
    assert got == [0, None, None, 1, None]


def test_a_still_picture_comes_at_the_idle_rate(tmp_path: Path) -> None:
    """One picture per second; the pictures of a folder come at their own rate all the same."""
    for name, wanted in (("a.png", 1.0), ("b.png", 0.2)):
        _page().save(tmp_path / name)
        clock = FakeClock()
        camera = _camera(tmp_path if name == "b.png" else tmp_path / name, clock, loop=True)
        camera.set_active(False)
        assert [frame is not None for frame in islice(camera.frames(tick=9.0), 4)] == [True] * 4
        assert clock.time == pytest.approx(100 + 3 * wanted)


def test_a_still_video_is_read_at_the_idle_rate(tmp_path: Path) -> None:
    """While nothing changes one frame of each second is read, and the video takes as long as ever."""
    clock = FakeClock()
    camera = _camera(_video(tmp_path / "clip.avi"), clock)
    camera.set_active(False)
    assert _shades(list(camera.frames(tick=9.0))) == [0, 10, 20]
    assert clock.time == pytest.approx(103)


def test_camera_refuses_unreadable_files(tmp_path: Path) -> None:
    """A missing path is refused when the camera is opened, a bad picture when its turn comes."""
    with pytest.raises(PictureError, match="no such file"):
        open_source("files", options_type("files")(path=str(tmp_path / "missing")))
    (tmp_path / "bad.png").write_bytes(_png(50000, 50000))
    with pytest.raises(PictureError, match="50000 x 50000"):
        next(_camera(tmp_path, FakeClock()).frames(tick=1.0))
