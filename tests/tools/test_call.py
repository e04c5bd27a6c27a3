"""The whole daemon, asked over a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_daemon.commands.table import COMMANDS
from edge_daemon.domain import Message
from tests.support import schema_check
from tests.support.brokers.mosquitto import Mosquitto, Recorder, free_port
from tests.support.pictures.paper import write_page
from tests.support.program import call, daemon
from tests.support.received import has_texts

BASE = "edge_daemon/bench"


@pytest.fixture
def camera(tmp_path: Path) -> str:
    path = write_page(tmp_path, ("2021", 60, 80), ("38", 80, 280))
    return f'source = "files"\npath = "{path}"\nloop = true'


def statuses(recorder: Recorder) -> list[str]:
    return [said["status"] for said in recorder.payloads("/reading/auto-1") if said]


def test_call(tmp_path: Path, broker: Mosquitto, recorder: Recorder, camera: str) -> None:
    """People get the data or `ok`; programs get JSON; a refusal is exit code 1, on stderr."""
    with daemon(tmp_path, broker.url, camera):
        recorder.wait_for(has_texts("2021", "38"))
        done = call(broker.url, "health_check", "--json")
        said = json.loads(done.stdout)
        assert (done.returncode, said["status"]) == (0, "ok")
        assert said["data"]["accepted"] >= 2
        assert "frames" in call(broker.url, "health_check").stdout
        before = len(statuses(recorder))
        seen = json.loads(call(broker.url, "read_now").stdout)["readings"]
        assert {said["text"] for said in seen} == {"2021", "38"}
        recorder.wait_for(lambda _: len(statuses(recorder)) == before + 1)
        unknown = call(broker.url, "dance")
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "known are health_check, history" in unknown.stderr
        refused = call(broker.url, "restart", "force=true")
        assert (refused.returncode, "unknown field `force`" in refused.stderr) == (1, True)
        refused = call(broker.url, "history", "from_seq=99999999999999999999")
        assert (refused.returncode, "a number is too large" in refused.stderr) == (1, True)


def test_call_nobody(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon: told after a while, with what to look at; wrong words: told at once."""
    from edge_daemon.errors import BrokerError
    from edge_daemon.mqtt.address import BrokerOptions, resolve
    from edge_daemon.tools import call as module

    with pytest.raises(BrokerError, match="bench gave no answer within 0 s: does it run, and is that its id"):
        module.call(resolve(BrokerOptions(broker.url)), "bench", "read_now", {}, patience=0.3)
    assert call(broker.url, "a/b").returncode == 2
    assert "write KEY=VALUE" in call(broker.url, "read_now", "force").stderr


def test_call_asks_again(broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that was not there for the first request answers the second, which is the same; junk is passed over."""
    from edge_daemon.mqtt.address import BrokerOptions, resolve
    from edge_daemon.tools import call as module

    monkeypatch.setattr(module, "REPEAT", 0.05)
    with ThreadPoolExecutor() as pool:
        said = pool.submit(module.call, resolve(BrokerOptions(broker.url)), "bench", "read_now", {})
        recorder.wait_for(lambda _: recorder.count("/request/read_now") >= 2)
        requests = recorder.payloads("/request/read_now")
        assert requests[0] == requests[1]
        for answer in (b"\xff", b"[]", b'{"status": "ok"}', json.dumps({"status": "ok", "data": {}} | requests[0])):
            recorder.say(Message(f"{BASE}/response/read_now", answer if isinstance(answer, bytes) else answer.encode()))
        assert said.result(10) == {"status": "ok", "data": {}}


def test_restart(tmp_path: Path, broker: Mosquitto, recorder: Recorder, camera: str) -> None:
    """Answered, `offline`, and there again, in the same process id; the same transaction again restarts nothing."""
    request = Message(f"{BASE}/request/restart", b'{"transaction": "once"}')
    with daemon(tmp_path, broker.url, camera) as process:
        recorder.wait_for(has_texts("2021", "38"))
        for _ in range(2):
            recorder.say(request)
            recorder.wait_for(lambda _: recorder.payloads("/availability").count("online") == 2)
        recorder.wait_for(lambda _: recorder.count("/response/restart") == 2)
        assert recorder.payloads("/response/restart") == [{"status": "ok", "data": {}, "transaction": "once"}] * 2
        assert json.loads(call(broker.url, "health_check").stdout)["connects"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    recorder.wait_for(lambda heard: heard[-1] == (f"{BASE}/availability", b"offline"))
    assert recorder.payloads("/availability") == ["online", "offline", "online", "offline"]


def test_set_value_and_snapshot(tmp_path: Path, broker: Mosquitto, recorder: Recorder, camera: str) -> None:
    """What a person says is published, and goes before what is read, also after a restart; a picture of the field comes
    when it is asked for."""
    field = '[[field]]\nname = "tank"\nregion = [0.05, 0.5, 0.5, 0.4]\nsettle = "1s"\n'
    field = "snapshots = true\n" + field
    with daemon(tmp_path, broker.url, camera, field) as process:
        recorder.wait_for(has_texts("38"))
        assert json.loads(call(broker.url, "set_value", "field=tank", "value=41").stdout)["text"] == "41"
        recorder.wait_for(lambda _: recorder.payloads("/reading/tank")[-1]["value"] == 41)
        recorder.wait_for(lambda _: recorder.payloads("/event")[-1]["event_type"] == "value_set")
        asked = json.loads(call(broker.url, "snapshot", "field=tank").stdout)
        recorder.wait_for(lambda heard: asked["bytes"] in [len(p) for t, p in heard if t == asked["topic"]])
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    before = recorder.count("/reading/tank")
    with daemon(tmp_path, broker.url, camera, field):
        recorder.wait_for(lambda _: recorder.count("/reading/tank") > before)
    said = recorder.payloads("/reading/tank")[before]
    assert (said["status"], said["value"]) == ("low_confidence", 41)
    schema_check.check_all(recorder.heard)


def test_help_names_every_command() -> None:
    """Who reads `call --help` knows what can be asked for."""
    done = subprocess.run([sys.executable, "-m", "edge_daemon", "call", "--help"], capture_output=True, text=True)
    assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []


def test_reload(tmp_path: Path, broker: Mosquitto, recorder: Recorder, camera: str) -> None:
    """A new field is there after a reload; a wrong configuration is refused, and with SIGHUP told as a problem."""
    config = tmp_path / "edge.toml"
    with daemon(tmp_path, broker.url, camera) as process:
        recorder.wait_for(has_texts("2021", "38"))
        right = config.read_text()
        config.write_text(right + "[[field]]\n")
        refused = call(broker.url, "reload")
        assert refused.returncode == 1
        assert "[[field]] name" in refused.stderr
        process.send_signal(signal.SIGHUP)
        recorder.wait_for(lambda _: any(said["codes"] == ["config"] for said in recorder.payloads("/problem")))
        config.write_text(right + '[[field]]\nname = "tank"\nregion = [0.05, 0.5, 0.5, 0.4]\nsettle = "1s"\n')
        assert call(broker.url, "reload").stdout == "ok\n"
        recorder.wait_for(lambda _: recorder.payloads("/reading/tank"))
        assert recorder.payloads("/problem")[-1]["codes"] == []
        assert recorder.payloads("/info")[-1]["fields"] == ["tank"]


def test_switch(tmp_path: Path, broker: Mosquitto, recorder: Recorder, camera: str) -> None:
    """Off: each field says so and nothing is read, also after a restart; on: it is looked at afresh."""

    def turn(to: bytes) -> None:
        recorder.say(Message(f"{BASE}/enabled/set", to))
        recorder.wait_for(lambda _: recorder.payloads("/enabled/state")[-1] == to.decode())

    with daemon(tmp_path, broker.url, camera) as process:
        recorder.wait_for(has_texts("2021", "38"))
        turn(b"OFF")
        recorder.wait_for(lambda _: statuses(recorder)[-1] == "disabled")
        assert "switched off" in call(broker.url, "read_now").stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    with daemon(tmp_path, broker.url, camera):
        recorder.wait_for(lambda _: recorder.payloads("/availability").count("online") == 2)
        recorder.wait_for(lambda _: recorder.payloads("/enabled/state")[-1] == "OFF")
        assert statuses(recorder)[-1] == "disabled"
        turn(b"ON")
        recorder.wait_for(lambda _: statuses(recorder)[-1] == "ok")


def test_a_broker_that_is_not_there() -> None:
    """Told in one line."""
    where = ["--broker", f"mqtt://127.0.0.1:{free_port()}", "--device", "bench"]
    command = [sys.executable, "-m", "edge_daemon", "call", *where, "read_now"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
