"""`edge-daemon check`: finds what is wrong with an installation, with a remedy for each problem.

A configuration comes in, findings go out, one for each thing that was checked. It changes nothing, and may run beside
the daemon. Only the command line uses it.
"""

__all__ = [
    "run",
]
