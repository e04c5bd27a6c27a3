"""Second opinions: another engine reads numbers that the device's own networks cannot read with enough confidence.

In: cut-outs of such numbers. Out: evidence for the votes. The engine runs on the device, or on a larger machine: the
server half answers the questions of other devices. The daemon uses this room only if the configuration has [opinion]
per_day above 0.
"""

__all__ = [
    "budget",
    "channels",
    "client",
    "engine",
    "messages",
    "server",
]
