"""Focus, light, glare and tilt of a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_daemon.domain import Grey
from edge_daemon.preview.camera_meters import measure
from tests.support.pictures.paper import page


def blurred(pixels: Grey, sigma: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def test_focus_falls_with_blur_and_not_with_light() -> None:
    """The focus of ink falls with every step of blur; half the light changes it by a few points at most."""
    sheet = page([("2021", 200, 150), ("38", 220, 280)], pen=4, height=60)
    scores = [measure(blurred(sheet, sigma), None, []).focus or 0 for sigma in (0.8, 1.5, 2.5, 4.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 2 * scores[-1]
    dark = measure((blurred(sheet, 0.8) * 0.5).astype(np.uint8), None, []).focus
    assert dark == pytest.approx(scores[0], abs=5)


def test_an_empty_page_has_no_focus() -> None:
    """None, and not the focus of the noise."""
    noise = np.random.default_rng(0).normal(200, 2, (480, 640)).astype(np.uint8)
    assert measure(noise, None, []).focus is None


@pytest.mark.parametrize(("brightness", "verdict"), [(5, "too dark"), (70, "dim"), (200, "good"), (255, "too bright")])
def test_light(brightness: int, verdict: str) -> None:
    """The word says what a person can do."""
    assert measure(np.full((480, 640), brightness, np.uint8), None, []).verdict == verdict


def test_glare() -> None:
    """The share of the picture that a reflection covers."""
    sheet = page([("2021", 200, 150)])
    assert measure(sheet, None, []).glare == 0
    cv2.circle(sheet, (320, 240), 120, (255,), cv2.FILLED)
    assert 8 < measure(sheet, None, []).glare < 25


@pytest.mark.parametrize("angle", [-20, 0, 7])
def test_tilt(angle: float) -> None:
    """The angle of a tilted sheet, clockwise."""
    sheet = np.full((480, 640), 90, np.uint8)
    cv2.rectangle(sheet, (120, 100), (520, 380), 220, cv2.FILLED)
    turn = cv2.getRotationMatrix2D((320, 240), -angle, 1.0)  # OpenCV turns anticlockwise
    turned = np.asarray(cv2.warpAffine(sheet, turn, (640, 480), borderValue=(90,)), np.uint8)
    assert measure(turned, None, []).tilt == pytest.approx(angle, abs=1)
