"""Decides what is published: combines the numbers of many frames, applies formats and rules.

Numbers with their confidence come in, frame by frame; readings and events go out. The daemon, replay and the page use
it.
"""

__all__ = [
    "field_state",
    "formats",
    "observations",
    "perturbation",
    "rules",
    "voter",
]
