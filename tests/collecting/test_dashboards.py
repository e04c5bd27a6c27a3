"""The dashboards: each query of Grafana's runs in PostgreSQL; Node-RED's flow is whole and listens to our topics."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import topic_matches_sub

from edge_daemon.domain import Status
from edge_daemon.mqtt import messages
from edge_daemon.mqtt.payloads import PAYLOADS
from scripts.collecting import sqlite
from scripts.collecting.postgresql import PostgreSQL
from scripts.collecting.rows import Received
from tests.support.databases.collecting import received, said
from tests.support.databases.postgres import Postgres, postgres, server

__all__ = ["postgres", "server"]

FOLDER = Path(sqlite.__file__).parent / "dashboards"
GRAFANA: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
FLOW: list[dict[str, Any]] = json.loads((FOLDER / "node-red.json").read_text())
EXPECTED = {
    "Newest readings": 1,
    "Accepted values": 1,
    "Withheld readings": 1,
    "Why readings were withheld": 1,
    "Devices": 0,
    "Gaps and dead letters": 2,
}
"""Title of a panel -> rows that it shows below."""


def as_grafana_sends_it(query: str) -> str:
    """A query with its macros and variables replaced."""
    query = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2026-01-01' AND '2200-01-01'", query)
    return query.replace("${device:sqlstring}", "'dock3'").replace("${field:sqlstring}", "'units'")


@pytest.mark.parametrize("panel", GRAFANA["panels"], ids=lambda panel: panel["title"])
def test_grafana_panels(panel: dict[str, Any], postgres: Postgres) -> None:
    """Each shows what it should of an accepted reading, one that is withheld, a gap and a dead letter."""
    with closing(PostgreSQL(postgres.url)) as database:
        batch = [received(said(1)), received(said(5, status=Status.GLARE)), received(said(1, device="other"))]
        database.store([*batch, Received("edge_daemon/dock3/history", b"{")])
    rows = postgres.query(as_grafana_sends_it(panel["targets"][0]["rawSql"]))
    assert len(rows) == EXPECTED[panel["title"]]


def test_grafana_variables(postgres: Postgres) -> None:
    """Their queries list devices and fields."""
    with closing(PostgreSQL(postgres.url)) as database:
        database.store([received(said(1))])
    queries = [each["query"] for each in GRAFANA["templating"]["list"] if each["type"] == "query"]
    assert [postgres.query(as_grafana_sends_it(query)) for query in queries] == [["dock3"], ["units"]]


def test_grafana_places() -> None:
    """No panel covers another, and none is wider than the page."""
    taken: set[tuple[int, int]] = set()
    for panel in GRAFANA["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in GRAFANA["panels"]}) == len(GRAFANA["panels"])


def test_node_red_flow() -> None:
    """Each wire, group, page and broker that a node names is there; each topic is one of the daemon's."""
    nodes = {node["id"]: node for node in FLOW}
    assert len(nodes) == len(FLOW)
    topics = [f"{messages.base('dock3')}/{topic}".replace("<field>", "units") for topic, _ in PAYLOADS.values()]
    for node in FLOW:
        named = [node[key] for key in ("z", "broker", "group", "page", "ui", "theme") if node.get(key)]
        named += [target for wires in node.get("wires", []) for target in wires]
        assert node["type"] == "mqtt-broker" or set(named) <= set(nodes), node["id"]
        if node["type"] == "mqtt in":
            assert any(topic_matches_sub(node["topic"], topic) for topic in topics)
