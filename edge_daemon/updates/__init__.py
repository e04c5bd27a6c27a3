"""Models by URL: published and signed on one machine, downloaded and verified on another (The Update Framework).

The URL of a signed folder comes in, a version in the model store goes out. The daemon, the command line and the checks
use it.
"""

__all__ = [
    "client",
    "install",
    "publish",
    "schedule",
]
