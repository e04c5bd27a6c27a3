"""Texts of composed lines.

A text is a string of field_decoder.SYMBOLS: digits and signs as they are, OTHER for a run of other writing (letters,
words, operators, doodles), CUT for a mark that the border cuts. Composed lines also have RULE for the edges of boxes
and other vertical rules. It is left out of the texts: as a symbol of its own the network took ones for rules, because
the edges of boxes are often faint.
"""

from __future__ import annotations

from edge_daemon.recognition.lines.field_decoder import CUT, OTHER

RULE = "|"
"""A vertical rule, such as the edge of a box."""
LONGEST = 28
"""Symbols of a line at most."""


def tidy(text: str) -> str:
    """The text without RULE; a run of OTHER or of CUT becomes one symbol."""
    text = text.replace(RULE, "")
    return "".join(char for i, char in enumerate(text) if char not in OTHER + CUT or text[i - 1 : i] != char)
