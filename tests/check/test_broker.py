"""`edge-daemon check mqtt`: the first step that fails is named, with its remedy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_daemon.check import broker as broker_check
from edge_daemon.check.run import Finding, Level, checks
from edge_daemon.mqtt import messages
from edge_daemon.system import clock
from tests.support.brokers import hostile
from tests.support.brokers.hostile import Behaviour, HostileBroker
from tests.support.brokers.mosquitto import Mosquitto, Recorder, free_port, retained, started
from tests.support.certificates import FUTURE, NOW, PAST, certificate


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_check, "STEP_SECONDS", 1.0)


def found(tmp_path: Path, url: str, more: str = "") -> list[Finding]:
    (tmp_path / "c.toml").write_text(f'[device]\nid = "bench"\n[mqtt]\nurl = "{url}"\n{more}')
    return list(checks(tmp_path / "c.toml", "mqtt"))


def failing(tmp_path: Path, url: str, more: str = "") -> tuple[str, str, str]:
    """Step, what and remedy of the one finding that is not OK, which is the last."""
    *fine, last = found(tmp_path, url, more)
    assert all(finding.level is Level.OK for finding in fine)
    assert last.level is not Level.OK, last
    step, what = last.what.split(": ", 1)
    return step, what, last.remedy


def login(tmp_path: Path, password: str) -> str:
    secret = tmp_path / "secret"
    secret.write_text(password)
    secret.chmod(0o600)
    return f'username = "cam"\npassword_file = "{secret}"\n'


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets in only cam with the password hunter2, to edge_daemon/bench/#, and to no other topic."""
    passwords, acl = tmp_path / "passwords", tmp_path / "acl"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "cam", "hunter2"], check=True, capture_output=True)
    acl.write_text("user cam\ntopic readwrite edge_daemon/bench/#\n")
    with started(tmp_path / "mosquitto", f"password_file {passwords}\nacl_file {acl}") as mosquitto:
        yield mosquitto


def test_all_is_well(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Every step is reported; nothing stays at the broker, and no client is disconnected."""
    steps = [finding.what.split(":")[0] for finding in found(tmp_path, broker.url)]
    assert steps == ["DNS", "TCP", "login", "ACL", "retain", "size"]
    assert retained(broker.port, "/check") is None
    recorder.wait_for(lambda heard: "end-of-retained" in dict(heard))
    assert {topic for topic, _ in recorder.heard} == {
        "edge_daemon/bench/check", "homeassistant/device/bench/check", "end-of-retained"
    }  # fmt: skip


def test_dns(tmp_path: Path) -> None:
    """A name that nobody knows."""
    step, what, remedy = failing(tmp_path, "mqtt://no-such-host.invalid")
    assert (step, "no-such-host.invalid" in what, "DNS" in remedy) == ("DNS", True, True)


def test_tcp(tmp_path: Path) -> None:
    """A port where nobody listens."""
    step, what, remedy = failing(tmp_path, f"mqtt://127.0.0.1:{free_port()}")
    assert (step, "refuses connections" in what, "running" in remedy) == ("TCP", True, True)


@pytest.mark.parametrize(
    ("served", "valid", "trusted", "synced", "step", "told"),
    [
        ("localhost", NOW, "localhost", True, "ACL", ""),
        ("localhost", NOW, "elsewhere", True, "TLS chain", "ca_file"),
        ("elsewhere", NOW, "elsewhere", True, "host name", "server_name"),
        ("localhost", FUTURE, "localhost", True, "clock", "timedatectl"),
        ("localhost", PAST, "localhost", True, "TLS chain", "Renew"),
        ("localhost", PAST, "localhost", False, "TLS chain", "Renew"),
        ("localhost", PAST, "localhost", False, "TLS chain", "timedatectl"),
    ],
)
def test_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: str, valid: tuple[str, str], trusted: str,
    synced: bool, step: str, told: str,
) -> None:  # fmt: skip
    """Chain, name and clock are told apart; where our own clock may be wrong, an expired certificate says so too."""
    monkeypatch.setattr(clock, "is_synced", lambda: synced)
    cert, key = certificate(tmp_path / "served", served, valid)
    broker = Mosquitto(tmp_path / "mosquitto", f"certfile {cert}\nkeyfile {key}")
    broker.start()
    ca_file = cert if trusted == served else certificate(tmp_path / "other", trusted)[0]
    url, more = f"mqtts://localhost:{broker.port}", f'ca_file = "{ca_file}"\n'
    if step == "ACL":
        assert [finding.level for finding in found(tmp_path, url, more)] == [Level.OK] * 7
    else:
        failed, _, remedy = failing(tmp_path, url, more)
        assert failed == step
        assert told in remedy
    broker.stop()


def test_plain_port(tmp_path: Path, broker: Mosquitto) -> None:
    """mqtts:// at a port without TLS."""
    step, what, remedy = failing(tmp_path, f"mqtts://127.0.0.1:{broker.port}")
    assert (step, "does not speak TLS" in what, "mqtt://" in remedy) == ("TLS", True, True)


def test_tls_port(tmp_path: Path) -> None:
    """mqtt:// at a port with TLS: it hangs up, or says nothing, and the remedy names mqtts://."""
    cert, key = certificate(tmp_path, "localhost")
    broker = Mosquitto(tmp_path / "mosquitto", f"certfile {cert}\nkeyfile {key}")
    broker.start()
    step, _, remedy = failing(tmp_path, f"mqtt://localhost:{broker.port}")
    assert (step, "mqtts://" in remedy) == ("login", True)
    broker.stop()


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_no_broker(tmp_path: Path, scheme: str) -> None:
    """Something that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        step, what, remedy = failing(tmp_path, f"{scheme}://127.0.0.1:{deaf.getsockname()[1]}")
    assert "does not answer" in what
    assert step == ("TLS" if scheme == "mqtts" else "login")
    assert "mqtts://" in remedy


def test_login(tmp_path: Path, guarded: Mosquitto) -> None:
    """No login and a wrong one are told, without the password; the right one comes further."""
    for more in ("", login(tmp_path, "wrong-one")):
        step, what, remedy = failing(tmp_path, guarded.url, more)
        assert (step, "Not authorized" in what, "password_file" in remedy) == ("login", True, True)
        assert "wrong-one" not in what + remedy
    more = login(tmp_path, "hunter2") + 'home_assistant = "off"\n'
    assert [finding.level for finding in found(tmp_path, guarded.url, more)] == [Level.OK] * 5


def test_acl(tmp_path: Path, guarded: Mosquitto) -> None:
    """A topic that we may not write to is named, with what to allow."""
    step, what, remedy = failing(tmp_path, guarded.url, login(tmp_path, "hunter2"))
    assert (step, "homeassistant/device/bench/check" in what, "home_assistant" in remedy) == ("ACL", True, True)
    text = login(tmp_path, "hunter2")
    (tmp_path / "c.toml").write_text(f'[device]\nid = "other"\n[mqtt]\nurl = "{guarded.url}"\n{text}')
    last = list(checks(tmp_path / "c.toml", "mqtt"))[-1]
    assert (last.level, last.remedy) == (Level.FAIL, "Allow this login to write edge_daemon/other/#.")


@pytest.mark.parametrize(
    ("manners", "level", "step", "told"),
    [
        (Behaviour(granted=0x87), Level.FAIL, "ACL", "read edge_daemon/bench/#"),
        (Behaviour(answers=[0x97]), Level.FAIL, "publish", "log"),
        (Behaviour(answers=[hostile.CUT]), Level.FAIL, "publish", "log"),
        (Behaviour(hostile.connack(properties=hostile.MAXIMUM_QOS_0)), Level.WARN, "publish", "QoS 1"),
        (Behaviour(hostile.connack(properties=hostile.NO_RETAIN)), Level.WARN, "retain", "retain_available"),
        (Behaviour(), Level.WARN, "retain", "retain_available"),
        (Behaviour(hostile.connack(properties=hostile.maximum_packet_size(2000))), Level.WARN, "size", "message_size"),
    ],
)
def test_rights(tmp_path: Path, manners: Behaviour, level: Level, step: str, told: str) -> None:
    """Listening, publishing and retaining, refused one by one; without retaining it works, so that is a warning."""
    broker = HostileBroker(manners)
    findings = found(tmp_path, broker.url)
    broker.close()
    [finding] = [finding for finding in findings if finding.what.startswith(f"{step}:")]
    assert finding.level is level
    assert told in finding.remedy
    assert (level is Level.FAIL) == (finding is findings[-1] and "size" not in finding.what)


def test_broker_that_cuts_at_long_messages(tmp_path: Path) -> None:
    """A mosquitto with message_size_limit and without max_packet_size tells no limit: it is tried."""
    broker = Mosquitto(tmp_path / "mosquitto", "message_size_limit 2048")
    broker.start()
    *fine, last = found(tmp_path, broker.url)
    broker.stop()
    assert [finding.level for finding in fine] == [Level.OK] * 5
    assert (last.level, "message_size_limit" in last.remedy) == (Level.WARN, True)


def test_what_the_daemon_has_found_out(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Of two daemons with one id the check knows from the retained `problem`."""
    problem = messages.problem("bench", {"client_id_in_use": "another program with the name of this device"})
    recorder.say(problem)
    recorder.wait_for(lambda _: recorder.count("/problem"))
    [told] = [finding for finding in found(tmp_path, broker.url) if finding.level is not Level.OK]
    assert "another program with the name of this device" in told.what


def test_command(tmp_path: Path) -> None:
    """On the command line a failure is exit code 1, and the finding is JSON for programs."""
    (tmp_path / "c.toml").write_text(f'[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n')
    command = [sys.executable, "-m", "edge_daemon", "check", "mqtt", "--json", "--config", str(tmp_path / "c.toml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["section"] == "mqtt"


def test_each_of_several_brokers(tmp_path: Path, broker: Mosquitto) -> None:
    """One that cannot be reached is named, and the others are checked all the same."""
    urls = f'"mqtt://127.0.0.1:{free_port()}", "{broker.url}"'
    (tmp_path / "c.toml").write_text(f'[device]\nid = "bench"\n[mqtt]\nurl = [{urls}]\n')
    findings = list(checks(tmp_path / "c.toml", "mqtt"))
    assert [finding.what.split(":")[0] for finding in findings if finding.level is Level.FAIL] == ["TCP"]
    assert any(finding.what.startswith(f"login: 127.0.0.1:{broker.port}") for finding in findings)


def test_no_broker_answers_for_another(tmp_path: Path, broker: Mosquitto, guarded: Mosquitto) -> None:
    """One that refuses the login is named as well, though the next one of the cluster would take it."""
    urls = f'"{guarded.url}", "{broker.url}"'
    (tmp_path / "c.toml").write_text(f'[device]\nid = "bench"\n[mqtt]\nurl = [{urls}]\n')
    [failed] = [finding for finding in checks(tmp_path / "c.toml", "mqtt") if finding.level is Level.FAIL]
    assert failed.what.startswith(f"login: broker 127.0.0.1:{guarded.port} refused")
