"""What was published, as one page: `edge-daemon report` and `replay --report`.

In: readings, from the files of the outbox or from a replay. Out: a file that needs no network.
"""

__all__ = [
    "history",
    "page",
    "plots",
    "timeline",
]
