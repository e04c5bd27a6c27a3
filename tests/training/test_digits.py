"""The making of training data: what is drawn is what it is called. Needs neither the sets nor TensorFlow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.domain import NOT_A_DIGIT, Grey
from edge_daemon.recognition import lattice
from edge_daemon.sources.simulated.handwriting import Writer, coverage
from scripts.training.common import calibrate, golden
from scripts.training.digits import augment, dataset, evaluate, negatives, rehearsal, sets, train


def digit(char: str, seed: int = 3) -> Grey:
    strokes = [s * 40 + np.array([10, 10], np.float32) for s in Writer(seed).digit(char)]
    return coverage((60, 60), strokes, 4.0)


def pen(ink: Grey) -> float:
    """About how wide its strokes are, of its height."""
    mask = ink > 100
    return float(mask.sum()) / max(1, int(mask.any(axis=1).sum())) ** 2


DIGITS = [digit(str(n)) for n in range(10)]
LABELS = np.arange(10)


def test_degraded_ink_is_still_ink_and_seeds_are_kept() -> None:
    """Every seed leaves some ink, bytes of the same polarity; the same seed degrades alike."""
    for seed in range(40):
        picture = augment.degrade(DIGITS[seed % 10], np.random.default_rng(seed))
        assert picture.dtype == np.uint8
        assert picture.max() > 100
        assert np.median(picture) == 0
    one, again = (augment.degrade(DIGITS[2], np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one, again)


def test_a_coarse_digit_has_few_pixels_and_a_fat_one_is_fat() -> None:
    """Few pixels, enlarged or not, and still ink on paper; a fat 1's ink fills more of its box than the 1 it was."""
    for seed in range(20):
        picture = augment.low_resolution(DIGITS[seed % 10], np.random.default_rng(seed))
        assert 3 <= max(picture.shape) <= 5 * (augment.LOW_RESOLUTION[1] + 5)
        assert picture.max() > 60
        assert picture[0].max() == 0
    rng = np.random.default_rng(1)
    heavy, fat = (
        np.mean([pen(how(DIGITS[1], rng)) for _ in range(40)]) for how in (augment.degrade, augment.thick_pen)
    )
    assert fat > 1.3 * heavy


@pytest.mark.parametrize("make", [make for make, _ in negatives.NEGATIVES], ids=lambda make: make.__name__)
def test_every_kind_of_negative_can_be_drawn(make: negatives.Maker) -> None:
    """Thirty seeds each give a picture with ink and with paper."""
    for seed in range(30):
        ink = make(np.random.default_rng(seed), DIGITS, LABELS)
        assert ink.dtype == np.uint8
        assert 0 < cv2.countNonZero(ink) < ink.size


def test_the_shares_of_negatives_are_whole() -> None:
    """They sum to 1, as numpy's choice wants them."""
    assert sum(share for _, share in negatives.NEGATIVES) == pytest.approx(1)


def test_an_epoch_holds_each_part_in_its_share() -> None:
    """Three quarters of one part and a quarter of the other, whatever their sizes."""
    big = dataset.Part("big", 0.3, np.zeros((50, 28, 28, 2), np.uint8), np.zeros(50, np.int64))
    small = dataset.Part("small", 0.9, np.zeros((3, 28, 28, 2), np.uint8), np.ones(3, np.int64))
    x, y = dataset.draw([big, small], 400, np.random.default_rng(0))
    assert x.shape == (400, 28, 28, 2)
    assert np.bincount(y).tolist() == [100, 300]


def test_a_shift_moves_by_at_most_one_pixel() -> None:
    """A dot stays within one pixel of where it was."""
    x = np.zeros((90, 28, 28, 2), np.uint8)
    x[:, 14, 14] = 255
    _, ys, xs, _ = np.nonzero(dataset.shift(x, np.random.default_rng(1)))
    assert set(ys) == set(xs) == {13, 14, 15}


def test_what_looks_like_a_digit_is_not_called_none() -> None:
    """Slashes, held-back alphabets and look-alikes stay out; labels of digits are the digits."""
    assert not sets.trainable("bhmsds_symbols", "slash")
    assert not sets.trainable("omniglot", "small1/Greek/character01")
    assert not sets.trainable("omniglot", "small1/Latin/character15")
    assert sets.trainable("omniglot", "small1/Latin/character01")
    assert [sets.label_of(name) for name in ("0", "9", "plus")] == [0, 9, NOT_A_DIGIT]


def test_ink_of_paper_is_light_on_black_without_its_neighbour() -> None:
    """A raw crop, dark on shaded paper with a stroke of the neighbour at its edge, becomes the digit's ink alone."""
    shade = np.tile(np.linspace(150, 230, 60), (60, 1))
    beside = np.zeros((60, 60), np.uint8)
    cv2.line(beside, (1, 10), (1, 50), (255,), 2)
    paper = (shade * (1 - np.maximum(DIGITS[8], beside) / 300)).astype(np.uint8)
    ink = sets.ink_of(paper)
    assert ink[:, :3].max() == 0
    drawn = DIGITS[8] > 128
    assert ink[drawn].mean() > 60
    assert ink[~cv2.dilate(drawn.astype(np.uint8), np.ones((5, 5))).astype(bool)].mean() < 3


def test_a_missing_set_is_named_with_its_origin(tmp_path: Path) -> None:
    """The person learns which project to fetch it from."""
    with pytest.raises(FileNotFoundError, match=r"mnist_train\.npz.*MNIST"):
        sets.load(sets.SETS[0], tmp_path)


def test_own_crops_of_either_polarity_are_taken(tmp_path: Path) -> None:
    """--extra: folders 0 to 9 and `not`; dark on light is turned; what is no picture is named."""
    for name, picture in (("4", DIGITS[4]), ("not", 255 - DIGITS[7])):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), picture)
    inks, labels = sets.load_extra(tmp_path)
    assert labels.tolist() == [4, NOT_A_DIGIT]
    assert all(np.median(ink) < 30 < ink.max() for ink in inks)
    (tmp_path / "4" / "b.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"b\.png"):
        sets.load_extra(tmp_path)


def test_calibration_finds_the_temperature() -> None:
    """Logits that were made three times too sharp are divided by about three."""
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (20_000, 11)).astype(np.float32)
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > rng.random((len(chances), 1))).argmax(axis=1)
    assert calibrate.temperature(honest * np.float32(2.5), labels) == pytest.approx(2.5, rel=0.06)
    assert evaluate.calibration_error(chances.astype(np.float32), labels) < 0.02


def test_training_stops_when_it_gets_no_better() -> None:
    """After PATIENCE epochs without a new best, not before."""
    assert not train.should_stop([3, 2, 1, *[1.5] * (train.PATIENCE - 1)])
    assert train.should_stop([3, 2, 1, *[1.5] * train.PATIENCE, 1.5])


class Trained:
    """What a trained network shows of itself: it says its bias, whatever it sees."""

    def __init__(self, bias: NDArray[np.float32]) -> None:
        self.bias = bias

    def predict(self, x: NDArray[np.uint8], **_: int) -> NDArray[np.float32]:
        return np.tile(self.bias, (len(x), 1))

    def get_weights(self) -> list[NDArray[np.float32]]:
        return [np.zeros((3, 11), np.float32), self.bias]

    def set_weights(self, weights: list[NDArray[np.float32]]) -> None:
        self.bias = weights[-1]


def test_a_network_forgets_how_common_what_is_no_digit_was() -> None:
    """One that says of anything what the shares of training were, a not NON_DIGIT_PRIOR times as often as each digit,
    finds all eleven alike afterwards; what was taken from it judges it on such a mix."""
    shares = np.append(np.ones(10), lattice.NON_DIGIT_PRIOR)
    labels = np.repeat(np.arange(11), (shares * 200).astype(int))
    trained = Trained(np.log(shares).astype(np.float32))
    held_out = dataset.Part("held out", 0, np.zeros((len(labels), 28, 28, 2), np.uint8), labels)
    before = trained.bias
    taken = train.equalise_classes(trained, held_out)
    assert trained.bias == pytest.approx(np.zeros(11), abs=0.02)
    assert trained.bias + taken == pytest.approx(before)


def test_golden_pictures_are_the_same_every_time() -> None:
    """The manifest's answers were computed from exactly these."""
    assert golden.sheet() == golden.sheet()
    assert len({ink.tobytes() for ink in golden.inks()}) == len(golden.inks())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--data, the folder of the training sets, is needed"),
        (["--from", "bundled"], "needs --extra"),
        (["--from", "bundled", "--extra", "mine"], "needs --out"),
    ],
)
def test_what_a_training_lacks_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage, in a sentence; above all, the shipped model is not written over by one that was taught."""
    with pytest.raises(SystemExit) as ended:
        train.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_what_is_rehearsed_is_drawn() -> None:
    """Each digit by each writer, whole in its picture, and another writer's looks otherwise."""
    inks, labels = rehearsal.drawn_digits(range(rehearsal.FIRST, rehearsal.FIRST + 2))
    assert labels.tolist() == [*range(10), *range(10)]
    for ink in inks:
        assert ink.shape == (rehearsal.SIDE, rehearsal.SIDE)
        assert ink.max() > 200
        assert max(ink[0].max(), ink[-1].max(), ink[:, 0].max(), ink[:, -1].max()) == 0
    assert not any(np.array_equal(one, other) for one, other in zip(inks[:10], inks[10:], strict=True))
