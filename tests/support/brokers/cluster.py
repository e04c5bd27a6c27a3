"""A RabbitMQ cluster of three nodes on this machine: loopback ports, names, cookie and folders of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.brokers.mosquitto import free_port
from tests.support.brokers.rabbitmq import RabbitMQ

NODES = 3
JOINED = 120.0
"""Seconds for all nodes to find each other, at most."""
_CONFIG = """
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.discovery_retry_interval = 500
listeners.tcp.1 = 127.0.0.1:{port}
"""


class Cluster:
    """Three nodes, each of which can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        names = [f"edge{number}@localhost" for number in range(1, NODES + 1)]
        peers = "".join(f"cluster_formation.classic_config.nodes.{i} = {name}\n" for i, name in enumerate(names, 1))
        self._name_server = free_port()
        self._names: subprocess.Popen[bytes] | None = None
        self.amqp_ports = [free_port() for _ in names]
        self.nodes = [
            RabbitMQ(folder, name, _CONFIG.format(port=port) + peers, self._name_server)
            for name, port in zip(names, self.amqp_ports, strict=True)
        ]

    @property
    def urls(self) -> tuple[str, ...]:
        """For MQTT."""
        return tuple(node.url for node in self.nodes)

    @property
    def amqp_urls(self) -> tuple[str, ...]:
        return tuple(f"amqp://127.0.0.1:{port}" for port in self.amqp_ports)

    def start(self) -> None:
        """Returns when all nodes are in one cluster and accept MQTT."""
        address = os.environ | {"ERL_EPMD_ADDRESS": "127.0.0.1"}
        self._names = subprocess.Popen(["epmd", "-port", str(self._name_server)], env=address)
        self.nodes[0].start()
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(RabbitMQ.start, self.nodes[1:]))
        deadline = time.monotonic() + JOINED
        while self.running() < NODES:
            if time.monotonic() > deadline:
                raise RuntimeError("the nodes did not find each other:\n" + "".join(self.nodes[1].log[-40:]))
            time.sleep(0.5)

    def stop(self) -> None:
        """Ends all."""
        self._stop(signal.SIGKILL)
        if self._names is not None:
            self._names.terminate()
            self._names.wait()

    def restart(self) -> None:
        """All of them at once. They wait for each other."""
        self._stop(signal.SIGTERM)
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(RabbitMQ.start, self.nodes))

    def running(self) -> int:
        """Nodes that the first node sees in its cluster, itself included."""
        answer = self.nodes[0].evaluate("length(rabbit_nodes:all_running()).")
        return int(answer) if answer.isdecimal() else 0

    def separate(self, node: RabbitMQ) -> None:
        """Cuts the connections of a node to the others, and lets none be made: a network partition."""
        others = [other.name for other in self.nodes if other is not node]
        cut = "".join(f"erlang:set_cookie('{name}', nobody), erlang:disconnect_node('{name}'), " for name in others)
        node.evaluate(f"{cut} ok.")

    def join(self, node: RabbitMQ) -> None:
        """Ends that."""
        others = [other.name for other in self.nodes if other is not node]
        cookie = (Path(node.home) / ".erlang.cookie").read_text().strip()
        joined = "".join(f"erlang:set_cookie('{name}', '{cookie}'), net_adm:ping('{name}'), " for name in others)
        node.evaluate(f"{joined} ok.")

    def _stop(self, how: signal.Signals) -> None:
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(lambda node: node.stop(how), self.nodes))
