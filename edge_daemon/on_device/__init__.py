"""What the daemon keeps of pictures, for a person at the device: hard samples, the explain log, a frame for the page.

Patches, frames and what was said of them come in; files in the state and runtime folders go out. Pictures stay on the
device: no room that publishes may import this one.
"""

__all__ = [
    "collector",
    "explain_log",
    "frame_share",
    "samples",
]
