"""`edge-daemon check`: finds what is wrong with an installation, with a remedy for each problem.

A configuration comes in, findings go out, one for each thing that was checked. It changes nothing, and may run beside
the daemon. The command line and `edge-daemon setup` use it.
"""

__all__ = [
    "broker",
    "finding",
    "run",
    "service",
]
