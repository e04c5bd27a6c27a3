"""Reads a line of writing as a whole: cuts it into a strip, asks the networks for lines, and decodes their answers.

A cut-out (h, w) of grey pixels, or a strip, comes in; a number with its texts, boxes and confidence goes out.
"""

__all__ = [
    "ctc",
    "field_decoder",
    "field_line",
    "field_recognizer",
    "line_extent",
    "line_recognizer",
]
