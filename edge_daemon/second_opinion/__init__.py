"""Second opinions: a larger machine is asked about numbers that the device cannot read surely.

Cut-outs of doubtful numbers come in, evidence for the votes goes out; the server half answers the questions of other
devices. The daemon uses it only where [opinion] in the configuration asks for it.
"""

__all__ = [
    "budget",
    "client",
    "engines",
    "messages",
    "server",
]
