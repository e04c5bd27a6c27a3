"""The models on this device: installed versions, trial before one becomes active, probation, return to the one before.

A folder with a manifest comes in, a version that was tried goes out. The daemon and the tools use it.
"""

__all__ = [
    "acceptance",
    "selection",
    "store",
]
