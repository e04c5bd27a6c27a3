"""The configuration: a TOML file in, a frozen `Config` out, or all problems of the file at once.

It knows the options of every room below, and no room below knows it: they receive plain values. The daemon, the tools,
the checks and the page use it.
"""

__all__ = [
    "document",
    "edit",
    "file",
    "form",
    "last_good",
    "schema",
]
