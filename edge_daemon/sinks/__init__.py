"""Where messages can go, by the name the configuration uses."""

from edge_daemon.sinks.mqtt import MqttSink

KINDS = {"mqtt": MqttSink}
