"""The daemon's health: on MQTT, for Prometheus, and in a file.

In: counters of other rooms. Out: messages and files. Only the daemon's wiring uses it; the checks read its file.
"""

__all__ = [
    "exporters",
    "report",
]
