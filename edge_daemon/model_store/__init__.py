"""The models on this device: installed versions, acceptance and probation of a new one, return to the one before.

A folder with a manifest comes in, a reader with a model that works goes out. The daemon, the checks and the tools use
it.
"""

__all__ = [
    "acceptance",
    "active_model",
    "store",
    "version",
]
