"""Durable delivery: readings and events wait in the outbox until the broker has acknowledged them.

Records come in and are on the disk when the call returns; messages to a sink go out, in order, from a thread of its
own. The daemon uses it, and whoever reads the history.
"""

__all__ = [
    "courier",
    "last_value",
    "outbox",
]
