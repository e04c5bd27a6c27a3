"""Point a camera at written numbers; get the numbers on MQTT."""

__version__ = "0.1.0"
