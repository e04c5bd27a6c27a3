"""Upgrades (good, bad, interrupted) and removal of the service. Each function is a step of the scenario."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.rigs.machine import active, expect, main_pid, output, run, until
from scripts.rigs.service import (
    BASE,
    CONFIG,
    HOME,
    OPT,
    SLOW,
    STATE,
    UNIT,
    broker,
    current,
    install,
    listing,
    nothing_is_lost,
    readings_come,
    tree,
)

MODEL = "9.0.0"
"""The version of a model that is newer than any bundled one, so that an upgrade must leave it active."""


def uses_a_model_of_its_own() -> None:
    """A model that was activated by hand reads from the next start on."""
    folder = HOME / "mine"
    shutil.copytree(BASE / "models", folder)
    for manifest in folder.glob("*.json"):
        if manifest.name.startswith("digits-"):
            manifest.write_text(re.sub(r'("version": ?)"[^"]*"', rf'\1"{MODEL}"', manifest.read_text(), count=1))
        else:
            manifest.unlink()
    run("env", "-C", "/", "edge-daemon", "model", "activate", str(folder))
    versions = STATE / "models/versions"
    expect({path.owner() for path in (versions, *versions.rglob("*"))} == {UNIT}, "the store is the service's")
    run("systemctl", "restart", UNIT)
    until(lambda: f"digits@{MODEL}" in broker.last("edge_daemon/rig/info"), 30 * SLOW, "the daemon uses it")
    readings_come()


def kept_state() -> dict[str, Sequence[str]]:
    """What an upgrade must keep: the identity of the outbox, and the hard samples."""
    reading = json.loads(broker.last("edge_daemon/rig/reading/units"))
    device, epoch, _ = str(reading["id"]).split("/")
    samples = sorted(path.name for path in (STATE / "samples").glob("*"))
    return {"outbox": (device, epoch), "samples": samples}


def upgrades() -> None:
    """An upgrade restarts the running services and takes over their state; the installer asks for --upgrade."""
    config, before, version = CONFIG.read_text(), kept_state(), current()
    done = install(tree("next", "1.2.0"))
    expect(done.returncode == 0 and "--upgrade" in done.stderr and current() == version, "nothing happens without it")
    expect(install(HOME / "next", "--upgrade").returncode == 0, "the upgrade succeeds")
    expect(current() == "1.2.0", "the new version is current")
    until(lambda: '"1.2.0"' in broker.last("edge_daemon/rig/info"), 20 * SLOW, "the daemon says so")
    expect(CONFIG.read_text() == config, "the configuration has not changed")
    readings_come()
    after = kept_state()
    expect(after["outbox"] == before["outbox"], f"the outbox goes on; before {before}, after {after}")
    expect(set(before["samples"]) <= set(after["samples"]), "the hard samples are kept")
    expect(f"digits@{MODEL}" in broker.last("edge_daemon/rig/info"), "the activated model is used")
    nothing_is_lost()
    expect(active(f"{UNIT}@second"), "the second camera runs too")


def damage_model(tree: Path) -> None:
    for network in (tree / "models").glob("digits-*.tflite"):  # which of them runs depends on the machine
        content = bytearray(network.read_bytes())
        content[len(content) // 2] ^= 0xFF
        network.write_bytes(content)


def break_the_daemon(tree: Path) -> None:
    """A fault that the self-test cannot find."""
    app = tree / "edge_daemon/app.py"
    ready, broken = "    app.systemd.ready()\n", "    raise RuntimeError('broken on purpose')\n"
    app.write_text(app.read_text().replace(ready, broken))


def goes_back() -> None:
    """An upgrade with a damaged model changes nothing; one whose service does not keep running is undone."""
    before = main_pid(UNIT)
    done = install(tree("damaged", "1.3.0", damage_model), "--upgrade")
    expect(done.returncode != 0 and "is damaged" in done.stderr, "the self-test refuses a damaged model")
    expect(main_pid(UNIT) == before and current() == "1.2.0", "the service was not touched")
    done = install(tree("broken", "1.3.1", break_the_daemon), "--upgrade")
    expect(done.returncode != 0 and "broken on purpose" in done.stderr, "a failing service is reported")
    expect(current() == "1.2.0", "the version before is current")
    readings_come()
    versions = {path.name.split("-")[0] for path in (OPT / "versions").iterdir()}
    expect(not versions & {"1.3.0", "1.3.1"}, "no failed version is left")


def finishes_what_was_interrupted() -> None:
    """An upgrade that was killed in the middle leaves the service running; the next run finishes it."""
    script = str(tree("later", "1.4.0") / "scripts/install.sh")
    with subprocess.Popen([script, "--upgrade"], start_new_session=True, stderr=subprocess.DEVNULL) as upgrade:
        until(lambda: any((OPT / "versions").glob("1.4.0*/lib/python*/site-packages/*")), 60 * SLOW, "it has begun")
        os.killpg(upgrade.pid, signal.SIGKILL)
    expect(active(UNIT) and current() == "1.2.0", "the service is still running")
    expect(install(HOME / "later", "--upgrade").returncode == 0, "the second run succeeds")
    expect(current() == "1.4.0", "and finishes it")
    until(lambda: '"1.4.0"' in broker.last("edge_daemon/rig/info"), 20 * SLOW, "the daemon says so")
    nothing_is_lost()


DROP_IN = Path(f"/etc/systemd/system/{UNIT}.service.d/first-hour.conf")


def first_hour(seconds: int) -> None:
    """Gives the first hour of a version another length, and starts it anew."""
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text(f"[Service]\nEnvironment=EDGE_DAEMON_FIRST_HOUR={seconds}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)


def confirms() -> None:
    """A version whose service has kept running for its first hour (here five seconds) is confirmed."""
    expect((OPT / "before").exists(), "the new version is not confirmed at once")
    first_hour(5)
    until(lambda: not (OPT / "before").exists(), 60 * SLOW, "it is confirmed")
    expect("1.4.0" in output("journalctl", "-t", "first-hour", "-o", "cat"), "the journal says so")


def die_later(tree: Path) -> None:
    """A fault that shows only after the installer has looked for eight seconds."""
    app = tree / "edge_daemon/app.py"
    ready = "    app.systemd.ready()\n"
    dies = "    import threading\n    threading.Timer(15, lambda: os._exit(3)).start()\n"
    app.write_text(app.read_text().replace(ready, ready + dies))


def returns_within_the_first_hour() -> None:
    """A version that dies three times in its first hour is given up, which is published once."""
    first_hour(600)
    expect(install(tree("dying", "1.5.0", die_later), "--upgrade").returncode == 0, "the installer sees no fault")
    expect(current() == "1.5.0", "the new version is current")
    until(lambda: current() == "1.4.0", 120 * SLOW, "the version before is used again")
    until(lambda: '"1.4.0"' in broker.last("edge_daemon/rig/info"), 60 * SLOW, "the daemon says so")
    readings_come()
    run("systemctl", "restart", UNIT)
    readings_come()
    told = [payload for topic, payload in broker.heard() if topic == "edge_daemon/rig/event" and "undone" in payload]
    expect(len(told) == 1 and '"1.5.0-' in told[0], f"an event says so once; got {told}")
    shutil.rmtree(DROP_IN.parent)
    run("systemctl", "daemon-reload")
    nothing_is_lost()


PICTURE = """import base64, cv2, numpy
paper = numpy.full((60, 120), 220, numpy.uint8)
cv2.putText(paper, "42", (20, 46), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 30, 3)
print(base64.b64encode(cv2.imencode(".jpg", paper)[1]).decode())"""
"""Prints the base64 of a JPEG with 42 on it."""


def gives_second_opinions() -> None:
    """With the extra `opinion`, which the bundle has, edge-daemon-opinion answers, also within its sandbox."""
    expect(install(HOME / "later", "--upgrade", "--with", "preview,opinion").returncode == 0, "it is installed")
    opinion, python = f"{UNIT}-opinion", str(OPT / "current/bin/python")
    run("systemctl", "start", opinion)
    until(lambda: "ready; questions" in output("journalctl", "-u", opinion, "-o", "cat"), 60 * SLOW, "it is ready")
    question = {"id": "rig-1", "picture": output(python, "-c", PICTURE)}
    broker.publish("edge_daemon/rig/opinion/request", json.dumps(question))
    until(lambda: '"42"' in broker.last("edge_daemon/rig/opinion/response"), 30 * SLOW, "it answers 42")
    run("systemctl", "stop", opinion)


def uninstalls() -> None:
    """--uninstall keeps configuration and state, readable by root alone, and nothing else."""
    expect(install(HOME / "later", "--uninstall").returncode == 0, "it succeeds")
    found = {path for path in listing() if "edge-daemon" in path or "edge_daemon" in path}
    kept = ("/etc/edge-daemon", "/var/lib/edge-daemon", "/opt/edge-daemon/debian-packages")
    found = {path for path in found if path != str(OPT) and not path.startswith(kept)}
    expect(not found, f"nothing else is left; got {sorted(found)}")
    expect(run("getent", "passwd", UNIT, check=False).returncode != 0, "the user is gone")
    expect(CONFIG.exists() and any(STATE.iterdir()), "configuration and state are there")
    expect(not output("systemctl", "list-units", "--all", "--plain", "--no-legend", "edge-daemon*"), "no unit is left")


def purges(before: set[str]) -> None:
    """Installed again, it continues with its old state; --purge then leaves the machine as it was before."""
    expect(install(HOME / "later").returncode == 0, "it installs over what was left")
    run("systemctl", "start", UNIT)
    readings_come()
    nothing_is_lost()
    expect(install(HOME / "later", "--uninstall", "--purge").returncode == 0, "it succeeds")
    expect(listing() - before == set(), f"left behind: {sorted(listing() - before)[:20]}")
    expect(before - listing() == set(), f"missing: {sorted(before - listing())[:20]}")
    expect(install(HOME / "later", "--uninstall", "--purge").returncode == 0, "running it again does no harm")
