"""Backgrounds of lines: plain paper, hatching, guilloche, dots, rules and boxes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from edge_daemon.domain import Grey
from scripts.training.scenes import backgrounds


def place_on_background(rng: Generator, cover: Grey, height: float, base: float) -> backgrounds.Map:
    """Puts ink (h, w) on paper. `height`: of a digit; `base`: y of the base line; both in px."""
    size = cover.shape[0], cover.shape[1]
    sheet = backgrounds.paper if rng.random() < 0.7 else backgrounds.SHEETS[rng.integers(len(backgrounds.SHEETS))]
    page = sheet(rng, size)
    light = rng.random() < 0.12
    if light:
        page = page * np.float32(rng.uniform(0.15, 0.45))
    strength = float(np.clip(np.exp(rng.uniform(np.log(0.18), 0.1)), 0.18, 0.95))
    if rng.random() < 0.6:
        page = add_pattern(rng, page, height, 0.6 * strength)
    page = add_rules(rng, page, height, base, strength)
    share = cover.astype(np.float32) * np.float32(strength / 255)
    if rng.random() < 0.5:  # pens run dry
        uneven = backgrounds.noise(rng, size, height * rng.uniform(0.3, 2))
        share *= np.clip(1 + np.float32(rng.uniform(0, 0.35)) * uneven, 0.25, 1)
    return page + share * (np.float32(0.97) - page) if light else page * (1 - share)


def add_pattern(rng: Generator, page: backgrounds.Map, height: float, most: float) -> backgrounds.Map:
    """One to three sets of fine lines: straight, wavy or dotted, at any angle."""
    ys, xs = np.mgrid[: page.shape[0], : page.shape[1]].astype(np.float32)
    for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3]))):
        strength = min(float(np.exp(rng.uniform(np.log(0.03), np.log(0.4)))), most)
        angle = rng.normal(0, 0.12) if rng.random() < 0.4 else rng.uniform(-np.pi / 2, np.pi / 2)
        pitch = height * float(np.exp(rng.uniform(np.log(0.08), np.log(0.4))))
        along = xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))
        across = ys * np.float32(np.cos(angle)) - xs * np.float32(np.sin(angle))
        if rng.random() < 0.6:
            wave = np.float32(height * np.exp(rng.uniform(np.log(0.15), np.log(3.0))) / (2 * np.pi))
            swing = np.float32(rng.uniform(0.1, 1.0) * min(pitch, 4 * float(wave)))
            across = across + swing * np.sin(along / wave + np.float32(rng.uniform(0, 6)))
        thin = np.float32(rng.uniform(0.0, 0.9))
        ridge = np.clip((np.cos(across * np.float32(2 * np.pi / pitch)) - thin) / (1 - thin), 0, 1)
        if rng.random() < 0.2:
            ridge = ridge * (np.sin(along * np.float32(2 * np.pi / max(2.0, pitch * rng.uniform(0.4, 2)))) > 0)
        if rng.random() < 0.3:
            ridge = ridge * np.clip(0.6 + backgrounds.noise(rng, page.shape, 2 * height), 0, 1)  # type: ignore[arg-type]
        page = page * (1 - np.float32(strength) * ridge)
    return np.asarray(page, np.float32)


def add_rules(rng: Generator, page: backgrounds.Map, height: float, base: float, strength: float) -> backgrounds.Map:
    """Rules below, above and through, edges of boxes, squares."""
    h, w = page.shape
    cover = np.zeros((h, w), np.uint8)

    def rule(x0: float, y0: float, x1: float, y1: float) -> None:
        thick = max(1, round(height * rng.uniform(0.015, 0.07)))
        cv2.line(cover, (round(x0), round(y0)), (round(x1), round(y1)), (255,), thick, cv2.LINE_AA)

    if rng.random() < 0.3:
        y = base + height * rng.normal(0.05, 0.12)
        rule(-2, y, w + 2, y + rng.normal(0, 0.01) * w)
    if rng.random() < 0.08:
        y = base - height * rng.normal(1.1, 0.1)
        rule(-2, y, w + 2, y + rng.normal(0, 0.01) * w)
    if rng.random() < 0.08:
        pitch, start = height * rng.uniform(0.3, 1.3), rng.uniform(0, height)
        for x in np.arange(start, w, pitch):
            rule(x, -2, x + rng.normal(0, 0.5), h + 2)
        if rng.random() < 0.6:
            for y in np.arange(rng.uniform(0, pitch), h, pitch):
                rule(-2, y, w + 2, y)
    elif rng.random() < 0.1:
        for x in (rng.uniform(-0.1, 0.3) * height, w - rng.uniform(-0.1, 0.3) * height):
            rule(x, -2, x + rng.normal(0, 1), h + 2)
    share = min(0.95, float(np.exp(rng.uniform(np.log(0.06), 0)))) * strength
    return np.asarray(page * (1 - np.float32(share / 255) * cover.astype(np.float32)), np.float32)
