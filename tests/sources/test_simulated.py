"""The simulated camera: the same pictures for the same seed, and a truth that is true."""

from __future__ import annotations

import json
from itertools import groupby, islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.domain import DIGITS, Frame
from edge_daemon.errors import ConfigError
from edge_daemon.sources.kinds import open_source, options_type
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.number import Truth
from edge_daemon.sources.simulated.options import SimulatedOptions
from tests.support.clock import FakeClock


def _frames(options: SimulatedOptions) -> list[Frame]:
    return [frame for frame in SimulatedCamera(options).frames(tick=1.0) if frame is not None]


def test_same_seed_same_pictures_in_any_order() -> None:
    """Picture n of a seed is the same on another day, in another order, and differs for another seed."""
    for surface in ("paper", "whiteboard", "blackboard"):
        options = SimulatedOptions(seed=5, surface=surface, numbers=6, hold=2.0)
        forward, backward = SimulatedCamera(options), SimulatedCamera(options)
        there = [forward.picture(seq) for seq in range(0, 60, 3)]
        back = [backward.picture(seq) for seq in reversed(range(0, 60, 3))]
        assert all(np.array_equal(a, b) for a, b in zip(there, reversed(back), strict=True))
    assert not np.array_equal(
        SimulatedCamera(SimulatedOptions(seed=6)).picture(0), SimulatedCamera(SimulatedOptions()).picture(0)
    )


def test_numbers_stay_and_are_rewritten() -> None:
    """A place shows a number for about `hold`, then nothing for a moment, then another number."""
    camera = SimulatedCamera(SimulatedOptions(seed=1, numbers=1, hold=8.0, active_fps=5.0))
    texts = [truth[0].text if (truth := camera.truth_at(seq)) else "" for seq in range(1000)]
    runs = [(text, sum(1 for _ in group)) for text, group in groupby(texts)]
    assert 22 <= sum(1 for text, _ in runs if text) <= 28
    assert all(bool(a[0]) != bool(b[0]) for a, b in pairwise(runs))
    assert all(20 <= length <= 45 for text, length in runs[1:-1] if text)
    assert all(1 <= length <= 10 for text, length in runs if not text)
    assert all(set(text) <= set(DIGITS) and len(text) <= 6 for text in texts)


def test_since_is_when_it_became_true() -> None:
    """A truth names the first picture in which its number was complete."""
    camera = SimulatedCamera(SimulatedOptions(seed=3, numbers=4, hold=3.0))
    for seq in range(1, 200):
        before = {(t.text, t.since) for t in camera.truth_at(seq - 1)}
        for truth in camera.truth_at(seq):
            assert (truth.text, truth.since) in before or truth.since == seq


@pytest.mark.parametrize("numbers", [1, 2, 3, 4, 5, 6])
def test_boxes_lie_in_the_frame_and_apart(numbers: int) -> None:
    """Whatever the seed, every number is wholly in the picture and clear of the others."""
    for seed in range(40):
        camera = SimulatedCamera(SimulatedOptions(seed=seed, numbers=numbers, size=(320, 240)))
        taken = np.zeros((240, 320), int)
        for x, y, w, h in (truth.box for truth in camera.truth_at(0)):
            assert x >= 0
            assert y >= 0
            assert x + w <= 320
            assert y + h <= 240
            taken[y : y + h, x : x + w] += 1
        assert taken.max() == 1


def test_ink_is_where_the_truth_says() -> None:
    """Between an empty and a written moment the picture changes inside the box, and hardly outside it."""
    options = SimulatedOptions(seed=2, surface="paper", numbers=1, hold=4.0)
    camera = SimulatedCamera(options)
    written = next(seq for seq in range(200) if camera.truth_at(seq) and camera.truth_at(seq)[0].since == seq > 0)
    empty = next(seq for seq in range(written, 0, -1) if camera._numbers[0].state(seq)[1] == 0)
    changed = np.abs(camera.picture(written).astype(int) - camera.picture(empty)) > 40
    x, y, w, h = camera.truth_at(written)[0].box
    inside = changed[y : y + h, x : x + w].sum()
    assert inside > 100
    assert changed.sum() - inside < 0.1 * inside


@pytest.mark.parametrize("surface", ["paper", "whiteboard", "blackboard"])
def test_every_number_can_be_seen(surface: str) -> None:
    """Ink stands out from what it is written on, in every seed: hard is allowed, invisible is not."""
    for seed in range(30):
        options = SimulatedOptions(seed=seed, surface=surface, numbers=3)  # type: ignore[arg-type]
        camera = SimulatedCamera(options)
        picture = camera.picture(0).astype(int)
        for x, y, w, h in (truth.box for truth in camera.truth_at(0)):
            low, high = np.percentile(picture[y : y + h, x : x + w], [3, 97])
            assert high - low > 25


def test_pictures_are_grey_frames_of_their_own() -> None:
    """Frames are (h, w) uint8, neither black nor white, and the next one does not overwrite the last."""
    first, second = _frames(SimulatedOptions(size=(320, 240), frames=2, realtime=False))
    kept = first.pixels.copy()
    assert first.pixels.shape == (240, 320)
    assert first.pixels.dtype == np.uint8
    assert 30 < first.pixels.mean() < 230
    assert first.pixels.base is None
    assert np.array_equal(first.pixels, kept)
    assert not np.array_equal(first.pixels, second.pixels)


def test_stated_truth_can_be_swapped(tmp_path: Path) -> None:
    """A test may state another truth: the file says the other, the pictures stay the same."""
    options = SimulatedOptions(frames=3, realtime=False, truth=str(tmp_path / "truth"))
    honest, liar = SimulatedCamera(options), SimulatedCamera(options)
    liar.truth_at = lambda seq: [Truth("123456", (0, 0, 9, 9), 0)]
    for a, b in zip(honest.frames(1.0), liar.frames(1.0), strict=True):
        assert a is not None
        assert b is not None
        assert np.array_equal(a.pixels, b.pixels)
    told = [json.loads(line) for line in (tmp_path / "truth").read_text().splitlines()]
    assert ["123456"] in [[n["text"] for n in line["numbers"]] for line in told]


def test_truth_file_has_a_line_for_each_change(tmp_path: Path) -> None:
    """The truth file tells, change by change, what truth_at tells for every picture."""
    path = tmp_path / "truth.jsonl"
    camera = SimulatedCamera(SimulatedOptions(frames=150, numbers=2, hold=3.0, realtime=False, truth=str(path)))
    frames = [frame for frame in camera.frames(1.0) if frame]
    lines = {line["seq"]: line for line in map(json.loads, path.read_text().splitlines())}
    assert 0 in lines
    assert 10 < len(lines) < 60
    said: list[str] = []
    for frame in frames:
        said = [n["text"] for n in lines[frame.seq]["numbers"]] if frame.seq in lines else said
        assert said == [truth.text for truth in camera.truth_at(frame.seq)]
    assert all(lines[frame.seq]["at"] == frame.at for frame in frames if frame.seq in lines)


def test_truth_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A truth file in a folder that is not there is refused at once, with its name."""
    with pytest.raises(ConfigError, match=r"camera\.truth.*missing/truth"):
        SimulatedCamera(SimulatedOptions(truth=str(tmp_path / "missing" / "truth")))


def test_real_time_is_paced() -> None:
    """In real time a frame comes each 1/fps seconds, however quickly it is taken."""
    clock = FakeClock()
    camera = SimulatedCamera(SimulatedOptions(active_fps=4.0), clock.now, clock.sleep)
    frames = list(islice(camera.frames(tick=1.0), 5))
    assert [frame.mono for frame in frames if frame] == pytest.approx([100, 100.25, 100.5, 100.75, 101])


def test_tick_while_waiting() -> None:
    """Between slow frames there is a None for every tick that goes by."""
    clock = FakeClock()
    camera = SimulatedCamera(SimulatedOptions(active_fps=0.4), clock.now, clock.sleep)
    got = [frame and frame.seq for frame in islice(camera.frames(tick=1.0), 7)]
    assert got == [0, None, None, 1, None, None, 2]


def test_slow_consumer_misses_frames() -> None:
    """Who takes a second over a frame sees the picture of now, not one of long ago."""
    clock = FakeClock()
    frames = SimulatedCamera(SimulatedOptions(active_fps=5.0), clock.now, clock.sleep).frames(tick=1.0)
    seqs = []
    for frame in islice(frames, 4):
        assert frame is not None
        seqs.append(frame.seq)
        clock.time += 1.0
    assert seqs == [0, 5, 10, 15]


def test_unpaced_clocks_advance_by_frame_time() -> None:
    """Without pacing, time stamps still say that a frame time has passed between two frames."""
    frames = _frames(SimulatedOptions(frames=11, active_fps=5.0, realtime=False))
    assert frames[10].mono - frames[0].mono == pytest.approx(2.0)
    assert frames[10].at - frames[0].at == pytest.approx(2.0)


def test_opened_by_name() -> None:
    """The table of sources finds the camera and its options by the name that a configuration uses."""
    options = options_type("simulated")(frames=1, realtime=False)
    assert len(list(open_source("simulated", options).frames(1.0))) == 1


def test_while_nothing_happens_pictures_are_left_out() -> None:
    """At the idle rate every fifth picture is shown, in real time as without it."""
    for realtime in (True, False):
        clock = FakeClock()
        camera = SimulatedCamera(
            SimulatedOptions(active_fps=5.0, idle_fps=1.0, realtime=realtime), clock.now, clock.sleep
        )
        frames = (frame for frame in camera.frames(tick=10.0) if frame)
        seqs = [next(frames).seq]
        camera.set_active(False)
        seqs += [next(frames).seq for _ in range(2)]
        camera.set_active(True)
        seqs += [next(frames).seq for _ in range(2)]
        assert seqs == [0, 5, 10, 11, 12]


def test_an_idle_rate_above_the_active_one_is_the_active_one() -> None:
    """Who wants one picture in four seconds does not get four while nothing happens."""
    clock = FakeClock()
    camera = SimulatedCamera(SimulatedOptions(active_fps=0.25), clock.now, clock.sleep)
    camera.set_active(False)
    frames = [frame.mono for frame in islice(camera.frames(tick=9.0), 3) if frame]
    assert np.diff(frames) == pytest.approx([4, 4])


@pytest.mark.parametrize("trouble", ["night", "glare", "blur", "nudge", "knock"])
def test_trouble_comes_in_the_last_quarter_of_a_minute(trouble: str) -> None:
    """Before it the pictures are those without trouble, in it they are not, and a pushed truth is pushed too."""
    calm = SimulatedCamera(SimulatedOptions(seed=3))
    camera = SimulatedCamera(SimulatedOptions(seed=3, trouble=trouble))  # type: ignore[arg-type]
    assert np.array_equal(calm.picture(200), camera.picture(200))
    middle = camera.picture(262)
    assert np.abs(middle.astype(int) - calm.picture(262)).mean() > 0.5
    for truth, pushed in zip(calm.truth_at(262), camera.truth_at(262), strict=True):
        x, y = np.array(pushed.box[:2]) - truth.box[:2]
        wanted = camera.conditions(262).nudge
        assert (x, y) == pytest.approx(wanted, abs=1)


def test_a_hand_is_there_while_something_is_written() -> None:
    """With trouble = "hand" there is one from wiping to the last stroke, and none while a number is true."""
    camera = SimulatedCamera(SimulatedOptions(seed=3, trouble="hand", numbers=1))
    for seq in range(200):
        assert (camera.conditions(seq).hand is None) == bool(camera.truth_at(seq))
