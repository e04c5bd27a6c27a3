"""Scenes say truthfully what is written in them. Needs neither the sets, fonts nor TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from edge_daemon.domain import NOT_A_DIGIT
from scripts.training.scenes import backgrounds, layouts
from scripts.training.scenes import page as pages
from scripts.training.scenes import scene as scenes
from scripts.training.scenes.page import Sources

STROKES = Sources(fonts=())


def scene(seed: int) -> scenes.Scene:
    return scenes.make_scene(np.random.default_rng(seed), STROKES)


def written(maker: layouts.Maker, seed: int = 0) -> scenes.Scene:
    """One way of writing on plain paper, seen by a good camera."""
    rng = np.random.default_rng(seed)
    page = pages.blank_page(rng, STROKES, np.full((480, 640), 0.9, np.float32))
    maker(page)
    return scenes.photograph_page(rng, page)


def test_the_same_seed_is_the_same_scene() -> None:
    """Truth and picture depend on the seed alone."""
    one, again, other = scene(3), scene(3), scene(4)
    assert np.array_equal(one.picture, again.picture)
    assert one.numbers == again.numbers
    assert not np.array_equal(one.picture, other.picture)


def test_numbers_spell_what_their_ink_says() -> None:
    """Each number's digits are those of its ids, and its box holds all their ink."""
    for seed in range(12):
        made = scene(seed)
        for number in made.numbers:
            assert number.text == "".join(str(made.labels[i]) for i in number.ids)
            ys, xs = np.nonzero(np.isin(made.ids, number.ids))
            x, y, w, h = number.box
            assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == [x, y, x + w, y + h]


def test_a_fair_share_of_scenes_holds_no_digit() -> None:
    """At least a fifth, and most of the others hold some."""
    without = np.mean([scene(seed).ids.max() == 0 for seed in range(40)])
    assert 0.2 <= without <= 0.6


def test_truth_lies_where_the_ink_is() -> None:
    """On plain paper the pixels called ink differ from those around them."""
    rng = np.random.default_rng(2)
    page = pages.blank_page(rng, STROKES, np.full((240, 320), 0.9, np.float32))
    page.number(pages.random_writer(page, 80.0), "7", 100.0, 160.0, 0.9)
    darker = page.pixels < 0.6
    assert (page.ids > 0).sum() > 100
    assert darker[page.ids > 0].mean() > 0.9


@pytest.mark.parametrize(
    "ground", [*backgrounds.CLUTTER, *backgrounds.SHEETS, backgrounds.scenery], ids=lambda g: g.__name__
)
def test_every_ground_can_be_made(ground: backgrounds.Texture) -> None:
    """Ten seeds each give a finite map of the size asked for."""
    for seed in range(10):
        made = ground(np.random.default_rng(seed), (90, 130))
        assert made.shape == (90, 130)
        assert np.isfinite(made).all()


@pytest.mark.parametrize(
    "maker", [m for m, _ in (*layouts.WITH_DIGITS, *layouts.WITHOUT_DIGITS)], ids=lambda m: m.__name__
)
def test_every_layout_can_be_written(maker: layouts.Maker) -> None:
    """Five seeds each give a picture; what is beside numbers holds none."""
    for seed in range(5):
        made = written(maker, seed)
        assert made.picture.shape == (480, 640)
        if maker in [m for m, _ in layouts.WITHOUT_DIGITS]:
            assert made.numbers == ()


def test_glyph_samples_are_digits_and_what_is_none() -> None:
    """Lines of numbers give crops labelled with their digits; scenery gives none but 'not a digit'."""
    found = [label for seed in range(6) for _, label in scenes.glyph_samples(written(layouts.rows, seed))]
    assert len([label for label in found if label != NOT_A_DIGIT]) > 30
    rng = np.random.default_rng(0)
    bare = scenes.photograph_page(rng, pages.blank_page(rng, STROKES, backgrounds.leaves(rng, (480, 640))))
    assert {label for _, label in scenes.glyph_samples(bare)} == {NOT_A_DIGIT}
