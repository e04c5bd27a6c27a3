"""Second opinions: a larger machine reads numbers that the device cannot read with enough confidence.

In: cut-outs of such numbers. Out: evidence for the votes. The server half answers the questions of other devices. The
daemon uses this room only if the configuration has [opinion] per_day above 0.
"""

__all__ = [
    "budget",
    "client",
    "engines",
    "messages",
    "server",
]
