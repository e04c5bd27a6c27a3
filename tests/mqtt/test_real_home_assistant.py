"""The device in a real Home Assistant.

Needs one: EDGE_DAEMON_HA_CHECK is a command that starts a broker on $MQTT_PORT, the command after `--`, and Home
Assistant on that broker, does the steps of each `--do`, and prints as JSON which devices, entities and log lines came
of it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge_daemon.mqtt.sensor_classes import UNITS, derive
from tests.support.model_publisher import ModelPublisher
from tests.support.pictures.paper import page
from tests.support.webserver import serving

CHECK = os.environ.get("EDGE_DAEMON_HA_CHECK", "")
CONFIG = """
[device]
id = "bench"
[camera]
source = "files"
path = "{picture}"
loop = true
[[field]]
name = "tank"
region = [0.05, 0.5, 0.5, 0.4]
unit = "cm"
settle = "1s"
[[field]]
name = "meter"
region = [0.05, 0.05, 0.6, 0.4]
unit = "kWh"
settle = "1s"
[[field]]
name = "serial"
region = [0.05, 0.05, 0.6, 0.4]
text = true
settle = "1s"
[mqtt]
url = "mqtt://127.0.0.1:$MQTT_PORT"
"""
HEAR = """
import os, sys
from paho.mqtt import subscribe
subscribe.simple(sys.argv[1], hostname="127.0.0.1", port=int(os.environ["MQTT_PORT"]))
"""


FIELDS = [
    (f"u{number}", unit, counts, device_class)
    for number, (device_class, unit, counts) in enumerate(
        (device_class, unit, counts)
        for device_class, units in {"auto": ("KWh", "m3", "l", "pcs", ""), **UNITS}.items()
        for unit in units
        for counts in (True, False)
    )
]
"""Each unit with each device class that takes it, for a number that never falls and for one that may."""
SAY_FIELDS = """
import os, sys
from paho.mqtt import publish
from edge_daemon.mqtt.home_assistant import Field, components, messages
fields = [Field(name, unit, False, counts, kind) for name, unit, counts, kind in eval(sys.argv[1])]
said = messages("bench", "0", components("bench", fields, raw=False), "device", {})
base = "edge_daemon/bench"
said = [(message.topic, message.payload, 1, True) for message in said] + [(f"{base}/availability", "online", 1, True)]
said += [(f"{base}/reading/{field.name}", '{"value": 5}', 1, True) for field in fields]
publish.multiple(said, "127.0.0.1", int(os.environ["MQTT_PORT"]))
"""


def report(folder: Path, script: str, *steps: str, seconds: int = 12, more: str = "") -> dict[str, Any]:
    """What Home Assistant shows while `script` runs.

    In it $EDGE is the program, $RUN the daemon, $HEAR waits for a message on a topic.
    """
    picture = folder / "page.png"
    cv2.imwrite(str(picture), page([("2021", 60, 80), ("38", 80, 280)], pen=4, height=60))
    template = folder / "template.toml"
    template.write_text(CONFIG.format(picture=picture) + more)
    config, hear = folder / "edge.toml", folder / "hear.py"
    shell = (
        f'sed "s/[$]MQTT_PORT/$MQTT_PORT/" {template} > {config}; EDGE="{sys.executable} -m edge_daemon"; '
        f'RUN="$EDGE run --config {config}"; CONFIG={config}; HEAR="{sys.executable} {hear}"; {script}'
    )
    hear.write_text(HEAR)
    do = [word for step in steps for word in ("--do", step)]
    command = [*shlex.split(CHECK), "--seconds", str(seconds), *do, "--", "bash", "-c", shell]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, env=os.environ | {"STATE_DIRECTORY": str(folder / "state")}
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def states(found: dict[str, Any]) -> dict[str, Any]:
    """The end of the unique id -> the entity."""
    return {entity["unique_id"].removeprefix("edge_daemon_bench_"): entity for entity in found["entities"]}


needs_home_assistant = pytest.mark.skipif(not CHECK, reason="EDGE_DAEMON_HA_CHECK names no Home Assistant")


@needs_home_assistant
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_shows_the_device(tmp_path: Path) -> None:
    """One device with its sensors, their values, units and classes; no key is ignored, nothing is logged."""
    found = report(tmp_path, "exec $RUN")
    assert [device["name"] for device in found["devices"]] == ["bench"]
    entities = states(found)
    assert {name: entities[name]["state"] for name in ("reading_tank", "reading_meter", "reading_serial")} == {
        "reading_tank": "38", "reading_meter": "2021", "reading_serial": "2021"
    }  # fmt: skip
    assert entities["problem"]["state"] == "off"
    assert {name: entity["ignored_keys"] for name, entity in entities.items() if entity.get("ignored_keys")} == {}
    assert found["log"] == []
    assert found["issues"] == []


@needs_home_assistant
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_knows_our_units(tmp_path: Path) -> None:
    """Home Assistant accepts each unit with its device class and state class, and logs nothing about them."""
    (tmp_path / "say.py").write_text(SAY_FIELDS)
    (tmp_path / "fields").write_text(repr(FIELDS))
    found = report(tmp_path, f'{sys.executable} {tmp_path}/say.py "$(cat {tmp_path}/fields)"; sleep 120', seconds=40)
    told = {entity["unique_id"]: entity for entity in found["entities"] if "_reading_" in entity["unique_id"]}
    assert len(told) == len(FIELDS)
    for name, unit, counts, device_class in FIELDS:
        entity = told[f"edge_daemon_bench_reading_{name}"]
        expected, _ = derive(unit, counts, device_class)
        assert (entity["device_class"] or "") == expected, (unit, device_class)
        assert entity["state"] not in ("unknown", "unavailable"), "it may be converted: 5 °F are -15 °C"
    assert found["log"] == []


@needs_home_assistant
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_takes_pictures(tmp_path: Path) -> None:
    """If snapshots are allowed, a field has a picture; its button requests a new one."""
    steps = ["press edge_daemon_bench_take_tank", "wait 6"]
    found = report(tmp_path, "exec $RUN", *steps, more="snapshots = true")
    assert states(found)["snapshot_tank"]["image_bytes"] > 500
    assert found["log"] == []


@needs_home_assistant
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_offers_a_newer_model(tmp_path: Path, published: ModelPublisher) -> None:
    """The update entity shows a newer model; installed there, it is used."""
    with serving(published.public) as web:
        more = f'[updates]\nurl = "{web.url}"\nroot = "{published.root}"\nautomatic = false\n'
        steps = [
            "publish edge_daemon/bench/request/model_check {}", "wait 12", "report",
            "install edge_daemon_bench_update", "wait 20",
        ]  # fmt: skip
        found = report(tmp_path, "exec $RUN", *steps, more=more)
    [offered] = found["earlier"]
    assert states(offered)["update"]["state"] == "on"
    assert states(found)["update"]["state"] == "off"
    told = [json.loads(m["payload"]) for m in found["messages"] if m["topic"] == "edge_daemon/bench/update"]
    assert (told[0]["installed_version"], told[-1]["installed_version"]) == ("0.4.0", "9.4.0")
    assert {name: entity["ignored_keys"] for name, entity in states(found).items() if entity.get("ignored_keys")} == {}
    assert found["log"] == []


@needs_home_assistant
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_acts(tmp_path: Path) -> None:
    """The switch turns reading off and on, and the buttons work, as the readings show."""
    switch = "edge_daemon_bench_enabled"
    steps = [f"turn_off {switch}", "wait 1", "report", f"turn_on {switch}", "wait 6", "report"]
    steps += ["press edge_daemon_bench_read_now", "wait 3", "press edge_daemon_bench_restart", "wait 6"]
    found = report(tmp_path, "exec $RUN", *steps)
    off, on = found["earlier"]
    assert (states(off)["enabled"]["state"], states(on)["enabled"]["state"]) == ("off", "on")
    said = [json.loads(m["payload"]) for m in found["messages"] if m["topic"] == "edge_daemon/bench/reading/tank"]
    told = list({reading["id"]: reading["status"] for reading in said}.values())  # after its start all is said again
    assert told[:2] == ["ok", "disabled"]
    assert set(told[2:]) == {"ok"}
    answers = [m["payload"] for m in found["messages"] if m["topic"].startswith("edge_daemon/bench/response/")]
    assert [json.loads(answer)["status"] for answer in answers] == ["ok", "ok"]
    assert states(found)["reading_tank"]["state"] == "38"
    assert found["log"] == []


@needs_home_assistant
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_home_assistant_forgets_the_device(tmp_path: Path) -> None:
    """The device survives a restart of Home Assistant; stopped, it is unavailable; after `mqtt clean` it is gone."""
    script = "$RUN & daemon=$!; $HEAR test/stop; kill $daemon; wait $daemon; $HEAR test/clean; "
    script += "$EDGE mqtt clean --config $CONFIG; sleep 60"
    steps = ["restart", "wait 10", "report", "publish test/stop 1", "wait 5", "report"]
    steps += ["publish test/clean 1", "wait 4"]
    found = report(tmp_path, script, *steps)
    running, stopped = found["earlier"]
    assert states(running)["reading_tank"]["state"] == "38"
    assert states(stopped)["reading_tank"]["state"] == "unavailable"
    assert (found["devices"], found["entities"]) == ([], [])
