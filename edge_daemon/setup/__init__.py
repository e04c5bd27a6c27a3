"""`edge-daemon setup`: the guided way from an unboxed Pi to a first reading that the broker has accepted.

One module for each step. A step takes a person's answers, changes a draft of the configuration, and gives findings,
which the terminal and the page show alike. Only the command line uses it; the daemon never does.
"""

__all__ = [
    "aim",
    "answers",
    "api",
    "broker",
    "camera",
    "credential",
    "draft",
    "home_assistant",
    "launcher",
    "numbers",
    "reading",
    "routes",
    "session",
    "start",
]
