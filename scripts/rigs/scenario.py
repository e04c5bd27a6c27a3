"""A service's life on a fresh machine: install, run, be killed, hang, be reconfigured, upgraded, removed.

Runs inside a rig (container or virtual machine) as root, with nothing but Debian's python3 and mosquitto:
scenario.py BUNDLE [CLONE]. With CLONE the first installation is made from that source tree, with what the network gives;
all others are made from the bundle. Prints a line for each thing that was seen to hold, and ends at the first that does not.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from machine import Broker, Failed, active, expect, main_pid, output, restarts, run, until

HOME = Path("/root")
BASE = HOME / "base"
OPT = Path("/opt/edge-daemon")
CONFIG = Path("/etc/edge-daemon/config.toml")
STATE = Path("/var/lib/edge-daemon")
UNIT = "edge-daemon"
SLOW = 6 if Path("/proc/device-tree").exists() else 1
"""Times are multiplied by it where a processor is emulated."""

broker = Broker()


def configuration(extra: str = "") -> str:
    return f"""
[device]
id = "rig"
[camera]
source = "simulated"
hold = 4.0
surface = "paper"
[mqtt]
url = "mqtt://127.0.0.1:{broker.port}"
username = "cam"
password_file = "mqtt-password"
longest_wait = "2s"
{extra}
"""


def installer(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done = run(str(tree / "scripts/install.sh"), *options, check=False)
    print("".join(f"      {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="", flush=True)
    return done


def tree(name: str, version: str, spoil: Callable[[Path], None] = lambda _: None) -> Path:
    """A source tree of another version, spoilt in some way."""
    copy = HOME / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(BASE, copy)
    (copy / "edge_daemon/__init__.py").write_text(f'__version__ = "{version}"\n')
    project = copy / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', f'version = "{version}"'))
    spoil(copy)
    return copy


def current() -> str:
    return (OPT / "current").resolve().name.split("-")[0]


def listing() -> set[str]:
    """Every file and folder but those that any use of a machine changes."""
    changing = "/proc /sys /dev /run /tmp /share /root /var/tmp /var/log /var/cache /var/lib/apt /var/lib/dpkg /var/lib/systemd"
    skip = [word for place in changing.split() for word in ("-path", place, "-prune", "-o")]
    found = set(output("find", "/", *skip, "-print").splitlines())
    return {path for path in found if "__pycache__" not in path}


def readings_come() -> None:
    seen = len(broker.readings())
    until(lambda: len(broker.readings()) > seen, 40 * SLOW, "a new reading")


def installs(first: list[str]) -> None:
    """A fresh installation ends with its self-test and the next commands."""
    done = run(*first, check=False)
    said = done.stdout + done.stderr
    print("".join(f"      {line}\n" for line in said.splitlines()), end="", flush=True)
    expect(done.returncode == 0, "the installation succeeds")
    expect("read 10 of 10 sample numbers" in said, "the self-test reads all")
    expect("systemctl enable --now edge-daemon" in said, "the next commands are told")


def installs_again(first: list[str]) -> None:
    """Running it again changes nothing."""

    def state() -> str:
        return output("find", str(OPT), "/etc/edge-daemon", "-type", "f", "-printf", "%p %T@ %m %u\n")

    CONFIG.write_text(configuration())
    before = state()
    expect(run(*first, check=False).returncode == 0, "the second run succeeds")
    expect(state() == before, "no file has changed")


def is_private() -> None:
    """Configuration and password are for root and the service."""
    password = CONFIG.with_name("mqtt-password")
    password.write_text("secret\n")
    password.chmod(0o600)
    for path in (CONFIG, password):
        expect(run("runuser", "-u", "nobody", "--", "cat", str(path), check=False).returncode != 0, f"{path} is private")
    expect(run("runuser", "-u", UNIT, "--", "cat", str(CONFIG), check=False).returncode == 0, "the service can read it")


def checks() -> None:
    """`edge-daemon check` finds all well, with the password from the service's place."""
    done = run("edge-daemon", "check", "--config", str(CONFIG), check=False)
    expect(done.returncode == 0, done.stdout + done.stderr)


def starts() -> None:
    """Enabled and started, it publishes readings; it runs as its own user, and no secret is in its environment."""
    run("systemctl", "enable", "--now", UNIT)
    readings_come()
    process = Path(f"/proc/{main_pid(UNIT)}")
    expect(process.owner() == UNIT, "it has its own user")
    expect("secret" not in (process / "environ").read_text(), "its environment holds no password")


def comes_back_after_a_kill() -> None:
    """kill -9 while the broker is away: back within 10 s, and no reading is lost."""
    broker.stop()
    time.sleep(6)
    before = main_pid(UNIT)
    started = time.monotonic()
    run("kill", "-9", str(before))
    until(lambda: main_pid(UNIT) not in (0, before) and active(UNIT), 10 * SLOW, "the service is back")
    print(f"      back after {time.monotonic() - started:.1f} s")
    time.sleep(4)
    broker.start()
    readings_come()
    until(lambda: not broker.missing(), 30 * SLOW, "every record has arrived")
    print(f"      {len(broker.records())} records, none missing")


def hung_is_restarted() -> None:
    """A process that hangs is ended by the watchdog, and comes back."""
    before, count = main_pid(UNIT), restarts(UNIT)
    started = time.monotonic()
    run("kill", "-STOP", str(before))
    until(lambda: main_pid(UNIT) not in (0, before) and active(UNIT), 60 + 20 * SLOW, "the service is back")
    print(f"      back after {time.monotonic() - started:.1f} s")
    expect(restarts(UNIT) > count, "systemd restarted it")
    readings_come()
    until(lambda: not broker.missing(), 30 * SLOW, "every record has arrived")


def reloads() -> None:
    """A good new configuration is taken by the same process."""
    before = main_pid(UNIT)
    CONFIG.write_text(configuration("bare_value = true"))
    run("systemctl", "reload", UNIT)
    until(lambda: any(topic.endswith("/value") for topic, _ in broker.heard()), 40 * SLOW, "the bare value")
    expect(main_pid(UNIT) == before, "the process is the same")


def keeps_the_last_good_configuration() -> None:
    """A wrong new configuration is told, and the old one goes on in the same process."""
    before = main_pid(UNIT)
    CONFIG.write_text(configuration("bare_valeu = true"))
    run("systemctl", "reload", UNIT)
    until(lambda: "bare_valeu" in output("journalctl", "-u", UNIT, "-o", "cat"), 20 * SLOW, "the journal tells")
    until(lambda: '"ON"' in broker.last("edge_daemon/rig/problem"), 20 * SLOW, "`problem` tells")
    readings_come()
    expect(main_pid(UNIT) == before, "the process is the same")
    CONFIG.write_text(configuration("bare_value = true"))
    run("systemctl", "reload", UNIT)
    until(lambda: '"OFF"' in broker.last("edge_daemon/rig/problem"), 20 * SLOW, "`problem` is over")


def takes_several_cameras() -> None:
    """edge-daemon@second has its own configuration and state; one whose configuration is wrong is not tried again."""
    second = CONFIG.with_name("second.toml")
    second.write_text(configuration().replace('"rig"', '"second"').replace("mqtt-password", str(CONFIG.with_name("pw"))))
    CONFIG.with_name("pw").write_text("secret\n")
    run("chgrp", UNIT, str(CONFIG.with_name("pw")))
    CONFIG.with_name("pw").chmod(0o640)
    run("systemctl", "enable", "--now", f"{UNIT}@second")
    until(lambda: any(t.startswith("edge_daemon/second/reading") for t, _ in broker.heard()), 40 * SLOW, "a reading")
    expect(Path("/var/lib/edge-daemon-second").is_dir(), "it has its own state")
    expect(Path("/run/edge-daemon-second").is_dir(), "it has its own runtime folder")
    CONFIG.with_name("wrong.toml").write_text("[camera]\nsource = 'glass eye'\n")
    run("systemctl", "start", f"{UNIT}@wrong", check=False)
    time.sleep(8)
    expect(output("systemctl", "show", "-P", "ExecMainStatus", f"{UNIT}@wrong") == "78", "it ends with 78")
    expect(restarts(f"{UNIT}@wrong") == 0, "it is not restarted")


def runs_on_a_read_only_root() -> None:
    """With a root that cannot be written to, its state apart, it starts and publishes."""
    run("systemctl", "stop", UNIT)
    run("mount", "--bind", str(STATE), str(STATE))
    run("mount", "-o", "remount,bind,ro", "/")
    try:
        run("systemctl", "start", UNIT)
        readings_come()
    finally:
        run("mount", "-o", "remount,bind,rw", "/")
        run("systemctl", "stop", UNIT)
        run("umount", str(STATE))
        run("systemctl", "start", UNIT)


def upgrades() -> None:
    """An upgrade is taken by the running services; without --upgrade another version only tells how."""
    config = CONFIG.read_text()
    done = installer(tree("next", "0.2.0"))
    expect(done.returncode == 0 and "--upgrade" in done.stderr and current() == "0.1.0", "nothing happens without it")
    expect(installer(HOME / "next", "--upgrade").returncode == 0, "the upgrade succeeds")
    expect(current() == "0.2.0", "the new version is current")
    until(lambda: '"0.2.0"' in broker.last("edge_daemon/rig/info"), 20 * SLOW, "the daemon says so")
    expect(CONFIG.read_text() == config, "the configuration is as it was")
    expect(active(f"{UNIT}@second"), "the second camera runs too")


def damage_model(tree: Path) -> None:
    network = next((tree / "models").glob("digits-*.int8.tflite"))
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 0xFF
    network.write_bytes(content)


def break_the_daemon(tree: Path) -> None:
    """What the self-test cannot see."""
    app = tree / "edge_daemon/app.py"
    app.write_text(app.read_text().replace("    app.systemd.ready()\n", "    raise RuntimeError('broken on purpose')\n"))


def goes_back() -> None:
    """An upgrade with a damaged model changes nothing; one whose service does not stay up is taken back."""
    before = main_pid(UNIT)
    done = installer(tree("damaged", "0.3.0", damage_model), "--upgrade")
    expect(done.returncode != 0 and "is damaged" in done.stderr, "the self-test refuses a damaged model")
    expect(main_pid(UNIT) == before and current() == "0.2.0", "the service was not touched")
    done = installer(tree("broken", "0.3.1", break_the_daemon), "--upgrade")
    expect(done.returncode != 0 and "broken on purpose" in done.stderr, "a service that fails is told")
    expect(current() == "0.2.0", "the version before is current")
    readings_come()
    expect({p.name.split("-")[0] for p in (OPT / "versions").iterdir()} == {"0.1.0", "0.2.0"}, "nothing of it is left")


def finishes_what_was_interrupted() -> None:
    """An upgrade that was killed in the middle leaves the service running; the next run finishes it."""
    script = str(tree("later", "0.4.0") / "scripts/install.sh")
    with subprocess.Popen([script, "--upgrade"], start_new_session=True, stderr=subprocess.DEVNULL) as upgrade:
        until(lambda: any((OPT / "versions").glob("0.4.0*/lib/python*/site-packages/*")), 60 * SLOW, "it has begun")
        run("kill", "-9", "--", f"-{upgrade.pid}")
    expect(active(UNIT) and current() == "0.2.0", "the service runs on")
    expect(installer(HOME / "later", "--upgrade").returncode == 0, "the second run succeeds")
    expect(current() == "0.4.0", "and finishes it")
    until(lambda: '"0.4.0"' in broker.last("edge_daemon/rig/info"), 20 * SLOW, "the daemon says so")
    until(lambda: not broker.missing(), 30 * SLOW, "every record of all this has arrived")
    print(f"      {len(broker.records())} records, none missing")


def uninstalls() -> None:
    """--uninstall leaves configuration and state, which only root can read then, and nothing else."""
    expect(installer(HOME / "later", "--uninstall").returncode == 0, "it succeeds")
    found = {path for path in listing() if "edge-daemon" in path or "edge_daemon" in path}
    yours = ("/etc/edge-daemon", "/var/lib/edge-daemon")
    expect({p for p in found if not p.startswith((*yours, str(OPT / "debian-packages"))) and p != str(OPT)} == set(), str(found))
    expect(run("getent", "passwd", UNIT, check=False).returncode != 0, "the user is gone")
    expect(CONFIG.exists() and any(STATE.iterdir()), "configuration and state are there")
    expect(not output("systemctl", "list-units", "--all", "--plain", "--no-legend", "edge-daemon*"), "no unit is left")


def purges(before: set[str]) -> None:
    """Installed once more, it goes on where it was; --purge then leaves the machine as it was before."""
    expect(installer(HOME / "later").returncode == 0, "it installs over what was left")
    run("systemctl", "start", UNIT)
    readings_come()
    until(lambda: not broker.missing(), 30 * SLOW, "the numbers go on")
    expect(installer(HOME / "later", "--uninstall", "--purge").returncode == 0, "it succeeds")
    expect(listing() - before == set(), f"left behind: {sorted(listing() - before)[:20]}")
    expect(before - listing() == set(), f"missing: {sorted(before - listing())[:20]}")
    expect(installer(HOME / "later", "--uninstall", "--purge").returncode == 0, "once more does no harm")


def main() -> None:
    bundle, *clone = sys.argv[1:]
    BASE.mkdir()
    run("tar", "-xzf", bundle, "-C", str(BASE), "--strip-components=1")
    broker.start()
    before = listing()
    first = [f"{clone[0]}/scripts/install.sh"] if clone else [str(BASE / "scripts/install.sh"), "--offline", bundle]
    steps: list[Callable[[], None]] = [
        lambda: installs(first),
        lambda: installs_again(first),
        is_private,
        checks,
        starts,
        comes_back_after_a_kill,
        hung_is_restarted,
        reloads,
        keeps_the_last_good_configuration,
        takes_several_cameras,
        runs_on_a_read_only_root,
        upgrades,
        goes_back,
        finishes_what_was_interrupted,
        uninstalls,
        lambda: purges(before),
    ]
    names = [installs, installs_again, *steps[2:-1], purges]
    for step, named in zip(steps, names, strict=True):
        started = time.monotonic()
        step()
        print(f"ok {time.monotonic() - started:6.1f} s  {(named.__doc__ or '').splitlines()[0]}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main()
    except Failed as failure:
        print(f"NOT OK: {failure}", flush=True)
        sys.exit(1)
    finally:
        print("\n$ journalctl -u 'edge-daemon*'\n" + output("journalctl", "-u", "edge-daemon*", "--no-pager"), flush=True)
