"""Unusual digits, which people can read and the shipped model reads badly: `scripts/campaign loop` trains on them.

For a camera with a `writer`. In the format of handwriting.SHAPES, and like them not copied from anywhere. Chosen by
measuring some seventy unusual ways of writing, drawn clean: crossed or footed 7s, 1s with a long up-stroke and a base,
slashed zeros and looped 2s were all read correctly, so they are not here.
"""

from __future__ import annotations

UNUSUAL: dict[str, tuple[str, ...]] = {
    "0": ("56,20 38,0 10,16 4,60 20,98 44,90 54,56 48,26 34,18 28,34 42,48 66,40",),  # curled
    "1": ("4,70 40,0! 36,60 24,100 10,92 20,80 44,100 62,92",),  # a looped foot
    "2": ("4,4 52,3! 2,97! 56,96",),  # Z
    "3": (
        "60,2 24,2 12,18 44,36! 20,48 56,62 54,92 26,104 0,90 14,76",
        "56,4 26,0 10,14 40,38! 16,52 62,66 44,100 -2,92",
    ),
    "4": ("30,6 6,50 20,60 64,36 30,26 40,60 30,110", "44,0 0,56 14,66 62,44 44,26 24,80 16,112"),  # in one go
    "5": ("64,-6 20,6 30,30 44,40 56,66 40,98 8,98 2,80 20,78",),  # a hook
    "6": ("60,20 34,0 6,30 6,80 30,100 54,80! 54,56! 26,58",),  # G
    "7": ("20,14 8,22 2,10 12,0 30,8 60,2! 40,46 30,100 / 10,50 56,46",),  # curled and crossed
    "8": ("0,0 20,24 50,56 46,90 20,100 4,80 20,56 50,30 64,0",),  # open above
    "9": (
        "50,10 28,0 6,20 18,46 42,38 52,10! 54,60 40,104 14,112 0,96 20,80 60,74",
        "44,14 24,2 6,20 20,40 44,30! 44,80 30,110 6,96 26,78 60,76",
    ),  # g
}
"""For each digit the ways of writing it."""
