"""Reads a patch: finds ink, lines and digits, and says what is written with which confidence.

A patch (h, w) of grey pixels comes in, numbers with their three likeliest texts go out. It knows neither time nor
fields nor configuration. The daemon, the tools and training use it.
"""

__all__ = [
    "ink",
    "lattice",
    "line_recognizer",
    "punctuation",
    "reader",
    "segment",
    "sieve",
]
