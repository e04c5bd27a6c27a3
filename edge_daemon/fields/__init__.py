"""Cuts the configured fields out of each frame, where something has changed and can be read.

Frames come in, patches (upright, with a status) go out. The daemon, replay and the page use it.
"""

__all__ = [
    "change",
    "extract",
    "perspective",
    "quality",
]
