"""Commands that arrive over MQTT: parsed, run at most once each, answered.

In: received messages. Out: calls of the daemon's parts, and responses. Only the daemon's wiring (app) uses this room. A
new command is a function and its row in table.py, and its line in the help of `edge-daemon call`.
"""

__all__ = [
    "controls",
    "dispatcher",
    "on_demand",
    "parsing",
    "rebuild_limit",
    "table",
    "transactions",
]
