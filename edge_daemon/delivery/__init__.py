"""Durable delivery: readings and events stay in the outbox until the broker has acknowledged them.

In: records, which are on the disk when the call returns. Out: messages to a sink, in order, sent by a thread of this
room. The daemon uses it, and the command `history`.
"""

__all__ = [
    "courier",
    "last_value",
    "outbox",
    "stored",
]
