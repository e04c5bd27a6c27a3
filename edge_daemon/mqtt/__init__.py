"""MQTT: the broker's address, the connection, and every topic and payload that the program sends or understands.

Records and state come in, messages go out, and the other way round. It is the only room that knows topic names.
Delivery, commands, telemetry and the tools use it.
"""

__all__ = [
    "address",
    "connection",
    "home_assistant",
    "messages",
    "payloads",
    "schemas",
    "sink",
]
