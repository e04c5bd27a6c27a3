"""MQTT: the broker's address, the connection, and all topics and payloads.

In: records and state. Out: messages; and the other way round for what is received. Only this room and second_opinion
know topic names. Delivery, commands, telemetry and the tools use it.
"""

__all__ = [
    "address",
    "connection",
    "home_assistant",
    "messages",
    "payloads",
    "schemas",
    "sensor_classes",
    "sink",
    "stale_topics",
]
