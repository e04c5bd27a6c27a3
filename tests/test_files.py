"""Pictures come from images, folders and videos; a bad one is one clear line, before the memory is spent."""

from __future__ import annotations

import struct
import zlib
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.errors import PictureError
from edge_daemon.sources.files import FilesCamera, Options, Picture, pictures
from tests.paper import page


def save(path: Path, number: str = "42") -> Path:
    cv2.imwrite(str(path), page([(number, 60, 60)]))
    return path


def video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (160, 120))
    for n in range(frames):
        writer.write(np.full((120, 160, 3), 20 * n, np.uint8))
    writer.release()
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


def only(path: Path) -> Picture | PictureError:
    (found,) = pictures([str(path)])
    return found


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    """img2 comes before img10; what is no picture is passed over; names are as given."""
    for name in ("img10.png", "img2.png", "img1.jpg", "notes.txt"):
        save(tmp_path / name) if name[-3:] != "txt" else (tmp_path / name).write_text("x")
    assert [p.name for p in pictures([f"{tmp_path}/"]) if isinstance(p, Picture)] == [
        f"{tmp_path}/{name}" for name in ("img1.jpg", "img2.png", "img10.png")
    ]


def test_a_video_is_read_frame_by_frame(tmp_path: Path) -> None:
    """Twelve frames are twelve pictures with an index each."""
    found = [p for p in pictures([str(video(tmp_path / "clip.avi"))]) if isinstance(p, Picture)]
    assert [p.index for p in found] == list(range(12))
    assert found[0].pixels.shape == (120, 160)
    assert found[5].pixels.mean() == pytest.approx(100, abs=4)


BAD = {
    "missing.png": None,
    "empty.png": b"",
    "text.jpg": b"<html>not found</html>",
    "wide.png": png_header(65_500, 20),
    "bomb.png": png_header(50_000, 50_000),
    "many.png": png_header(16_000, 16_000),
    "nothing.mp4": b"\0" * 5000,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_clear_line(tmp_path: Path, name: str) -> None:
    """Each names the file and what is wrong with it, on one line, without a traceback."""
    if (content := BAD[name]) is not None:
        (tmp_path / name).write_bytes(content)
    found = only(tmp_path / name)
    assert isinstance(found, PictureError)
    assert name in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_a_truncated_picture_is_damaged(tmp_path: Path, suffix: str) -> None:
    """Half a file is not half a picture: grey rows below could hide a number."""
    path = save(tmp_path / f"half{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert isinstance(only(path), PictureError)


def test_one_bad_picture_does_not_stop_the_others(tmp_path: Path) -> None:
    """Good, bad, good: two pictures and one error, in order."""
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"x")
    save(tmp_path / "c.png")
    assert [isinstance(p, Picture) for p in pictures([str(tmp_path)])] == [True, False, True]


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    """An empty folder is an error, not silence."""
    assert "no pictures" in str(only(tmp_path))


def test_a_picture_lying_on_its_side_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    """EXIF orientation 6 (a phone held upright) swaps width and height."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(page([("7", 60, 60)])).save(tmp_path / "phone.jpg", exif=exif)
    found = only(tmp_path / "phone.jpg")
    assert isinstance(found, Picture)
    assert found.pixels.shape == (640, 480)


def test_as_a_camera_a_picture_is_shown_for_ever(tmp_path: Path) -> None:
    """A single picture comes again and again, each frame a copy with its own number, at the frame rate."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    camera = FilesCamera(Options(str(save(tmp_path / "a.png"))), now=lambda: clock[0], sleep=sleep)
    frames = [f for f in islice(camera.frames(1.0), 5) if f is not None]
    assert [f.seq for f in frames] == [0, 1, 2, 3, 4]
    assert [f.mono for f in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert frames[0].pixels is not frames[1].pixels


def test_as_a_camera_a_missing_file_is_told_at_the_start(tmp_path: Path) -> None:
    """A daemon with a wrong path does not start to wait for pictures."""
    with pytest.raises(PictureError, match="no such file"):
        FilesCamera(Options(str(tmp_path / "nowhere")))
