"""What changes is looked at, at once; what does not, hardly ever."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.domain import Frame, Grey
from edge_daemon.fields.change import ChangeDetector, differs
from edge_daemon.fields.extract import FieldExtractor, FieldRegion
from edge_daemon.fields.monitor import MAX_AGE
from edge_daemon.images import half_size
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions as Camera
from edge_daemon.sources.simulated.scene import Pen
from tests.support.pictures.paper import page
from tests.support.pictures.stage import FPS, SIZE, Stage

LARGE = (10.0, 10.0, 620.0, 460.0)
PENCIL = Pen(reflectance=0.6, grain=0.3)


def noisy(picture: Grey, rng: np.random.Generator, sigma: float = 2.5, light: float = 1.0) -> Grey:
    return np.clip(picture * light + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("surface", ["paper", "whiteboard"])
@pytest.mark.parametrize("seed", range(4))
def test_one_thin_pencil_digit_in_a_large_field_is_detected(seed: int, surface: str) -> None:
    """A digit two pixels wide on a page of 640x480 is detected in its first picture, with noise and changing light."""
    stage = Stage(seed, surface, LARGE)
    stage.watch(20)
    while stage.fields.cut(stage.frame(), ()):
        pass
    rng = np.random.default_rng(seed)
    digit, at = str(rng.integers(10)), (int(rng.integers(60, 560)), int(rng.integers(180, 260)))
    stage.write(digit, at, height=34, pen=PENCIL, thick=2 / 34)
    assert len(stage.fields.cut(stage.frame(), ())) == 1


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_noise_and_changing_light_are_no_change(seed: int) -> None:
    """A minute of a still page, with a trembling, drifting camera: at most one picture in ten is cut out."""
    stage = Stage(seed, region=LARGE)
    stage.write("2021")
    stage.watch(6)
    assert len(stage.watch(MAX_AGE)) <= 0.1 * MAX_AGE * FPS


def test_a_slow_change_is_detected() -> None:
    """A number that fades in over a minute is cut out before it is complete."""
    before, after = page([]).astype(float), page([("47", 200, 200)]).astype(float)
    rng, fields, looks = np.random.default_rng(0), FieldExtractor([FieldRegion("a", (100, 150, 300, 150))]), 0
    for i in range(300):
        picture = before + (after - before) * max(0, i - 50) / 250
        looks += len(fields.cut(Frame(i, 0.0, i * 0.1, noisy(picture.astype(np.uint8), rng)), ())) if i else 0
        if i == 0:
            fields.cut(Frame(0, 0.0, 0.0, noisy(picture.astype(np.uint8), rng)), ())
    assert looks >= 1


def test_an_unchanged_field_is_cut_out_once_a_minute() -> None:
    """Changed or not: a change that was missed is not missed for ever."""
    rng, fields = np.random.default_rng(0), FieldExtractor([FieldRegion("a", (100, 150, 300, 150))])
    picture = page([("47", 200, 200)])
    looks = [t for t in range(int(3 * MAX_AGE)) if fields.cut(Frame(t, 0.0, float(t), noisy(picture, rng)), ())]
    assert looks == [0, MAX_AGE, 2 * MAX_AGE]


def test_an_undecided_field_is_cut_out_of_every_frame() -> None:
    """A field whose vote is undecided is cut from every frame, the others are not."""
    rng, picture = np.random.default_rng(0), page([("47", 200, 200)])
    fields = FieldExtractor([FieldRegion("a", (100, 150, 300, 150)), FieldRegion("b", (100, 310, 300, 150))])
    fields.cut(Frame(0, 0.0, 0.0, noisy(picture, rng)), ())
    for i in range(1, 10):
        patches = fields.cut(Frame(i, 0.0, i / FPS, noisy(picture, rng)), {"b"})
        assert [patch.field for patch in patches] == ["b"]


def test_only_the_field_that_changed_is_cut_out() -> None:
    """A number written in one field has no effect on the field beside it."""
    rng = np.random.default_rng(0)
    fields = FieldExtractor([FieldRegion("a", (20, 20, 300, 100)), FieldRegion("b", (20, 320, 300, 100))])
    for i in range(5):
        fields.cut(Frame(i, 0.0, i / FPS, noisy(page([]), rng)), ())
    patches = fields.cut(Frame(5, 0.0, 1.0, noisy(page([("5", 100, 350)]), rng)), ())
    assert [patch.field for patch in patches] == ["b"]
    assert fields.is_active(1.0)
    assert not fields.is_active(60.0)


def test_an_unchanged_whole_frame_is_not_cut_out_again() -> None:
    """Without fields a still page is read once, and again when something is written, or while anything is undecided."""
    rng, fields = np.random.default_rng(0), FieldExtractor([])
    looks = [len(fields.cut(Frame(i, 0.0, i / FPS, noisy(page([("5", 100, 350)]), rng)), ())) for i in range(20)]
    assert sum(looks) == 1
    assert len(fields.cut(Frame(20, 0.0, 4.0, noisy(page([("5", 100, 350), ("7", 300, 100)]), rng)), ())) == 1
    assert len(fields.cut(Frame(21, 0.0, 4.2, noisy(page([("5", 100, 350), ("7", 300, 100)]), rng)), {"auto-1"})) == 1


def test_slightly_different_light_is_no_difference() -> None:
    """A lamp ten percent brighter shows the same; half the light is a difference."""
    rng, picture = np.random.default_rng(0), page([("2021", 100, 100)], paper=180)
    now = half_size(noisy(picture, rng))
    assert not differs(half_size(noisy(picture, rng, light=1.1)), now, 1.8)
    assert differs(half_size(noisy(picture, rng, light=0.5)), now, 1.8)


@pytest.mark.parametrize("sigma", [1.0, 2.5, 5.0])
def test_the_noise_is_measured(sigma: float) -> None:
    """The detector measures the noise of the camera, within a fifth, also while the light changes."""
    rng, detector, picture = np.random.default_rng(0), ChangeDetector(), page([("2021", 100, 100)], paper=180)
    for i in range(200):
        detector.changed_mask(half_size(noisy(picture, rng, sigma, 1 + 0.05 * np.sin(i / 70))))
    assert detector.noise == pytest.approx(np.sqrt(2 * (sigma**2 / 4 + 1 / 12)), rel=0.2)


def test_a_frame_of_another_size_is_cut_out() -> None:
    """A camera that comes back with another size is read at once."""
    fields = FieldExtractor([FieldRegion("a", (0.1, 0.1, 0.5, 0.5))])
    fields.cut(Frame(0, 0.0, 0.0, page([])), ())
    assert len(fields.cut(Frame(1, 0.0, 0.2, page([], size=(320, 240))), ())) == 1


@pytest.mark.slow
def test_each_rewritten_number_is_detected() -> None:
    """Each number that the simulated camera rewrites is cut out within one picture of its last stroke."""
    camera = SimulatedCamera(Camera(seed=4, numbers=1, surface="paper"))
    fields = FieldExtractor([FieldRegion("all", (0.0, 0.0, float(SIZE[0]), float(SIZE[1])))])
    looked = {s for s in range(300) if fields.cut(Frame(s, 0.0, s / FPS, camera.picture(s)), ())}
    written = {t.since for s in range(300) for t in camera.truth_at(s)}
    assert written <= {s + d for s in looked for d in (0, 1)}
