"""`edge-daemon check`: finds what is wrong with an installation, and says how to mend it.

A configuration comes in, findings go out, one for each thing that was looked at. It only looks: it changes nothing,
and may run beside the daemon. Only the command line uses it.
"""

__all__ = [
    "run",
]
