"""How the daemon is: health on MQTT, for Prometheus, and in a file.

Counters of the other rooms come in; messages and files go out. Only the daemon's wiring uses it; the checks read its
file.
"""

__all__ = [
    "exporters",
    "report",
]
