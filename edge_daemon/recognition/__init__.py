"""Reads a patch: finds ink, lines and digits; gives for each number the most likely texts and their confidence.

A patch (h, w) of grey pixels comes in, numbers with up to three texts go out. The room knows neither time nor
configuration; of fields it knows only that a patch is one. The daemon, the tools and training use it.
"""

__all__ = [
    "bars",
    "cut_points",
    "fusion",
    "ink",
    "lattice",
    "lines",
    "orientation",
    "punctuation",
    "reader",
    "segment",
    "sieve",
]
