"""Pictures that stay on the device, for a person there: hard samples, the explain log, the newest frame for the page.

In: patches, frames and readings. Out: files in the state and runtime folders. No room that publishes may import this
one.
"""

__all__ = [
    "collector",
    "explain_log",
    "frame_share",
    "samples",
]
