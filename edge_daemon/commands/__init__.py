"""Commands that arrive over MQTT: parsed, run at most once each, answered.

Received messages come in, calls of what the daemon offers and answers go out. Only the daemon's wiring (app) uses
this room.
"""

__all__ = [
    "controls",
    "dispatcher",
    "on_demand",
    "transactions",
]
