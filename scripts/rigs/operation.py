"""Operation of the service: install, start, kill, hang, reconfigure. Each function is a step of the scenario."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.request import HTTPCookieProcessor, Request, build_opener

from scripts.rigs.machine import active, expect, main_pid, output, restarts, run, until
from scripts.rigs.service import (
    CONFIG,
    OPT,
    SLOW,
    STATE,
    UNIT,
    broker,
    configuration,
    installer,
    keep_password,
    nothing_is_lost,
    readings_come,
)


def installs(first: list[str]) -> None:
    """A fresh installation ends with its self-test and the next commands."""
    done = installer(*first)
    printed = done.stdout + done.stderr
    expect(done.returncode == 0, "the installation succeeds")
    expect("read 10 of 10 sample numbers" in printed, "the self-test reads all")
    expect("systemctl enable --now edge-daemon" in printed, "the next commands are printed")
    left = [path.name for path in OPT.glob("current/lib/python*/site-packages/*") if path.name[:3] in ("pip", "set")]
    expect(left == [], f"what installs does not stay; left are {left}")


def installs_again(first: list[str]) -> None:
    """Running the installer again changes nothing."""

    def state() -> str:
        return output("find", str(OPT), "/etc/edge-daemon", "-type", "f", "-printf", "%p %T@ %m %u\n")

    CONFIG.write_text(configuration())
    before = state()
    expect(run(*first, check=False).returncode == 0, "the second run succeeds")
    expect(state() == before, "no file has changed")


def can_read(user: str, path: Path) -> bool:
    return run("runuser", "-u", user, "--", "cat", str(path), check=False).returncode == 0


def is_private() -> None:
    """Configuration and password are for root and the service."""
    password = keep_password()
    for path in (CONFIG, password):
        expect(not can_read("nobody", path), f"{path} is private")
    expect(can_read(UNIT, CONFIG), "the service can read its configuration")
    expect(not can_read(UNIT, password), "only systemd reads the password and passes it to the service")


def checks() -> None:
    """`edge-daemon check` finds no error; it uses the service's password."""
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
    os.kill(before, signal.SIGKILL)
    until(lambda: main_pid(UNIT) not in (0, before) and active(UNIT), 10 * SLOW, "the service is back")
    print(f"      back after {time.monotonic() - started:.1f} s")
    time.sleep(4)
    broker.start()
    readings_come()
    nothing_is_lost()


def hung_is_restarted() -> None:
    """The watchdog ends a process that hangs; systemd restarts it."""
    before, count = main_pid(UNIT), restarts(UNIT)
    started = time.monotonic()
    os.kill(before, signal.SIGSTOP)
    until(lambda: main_pid(UNIT) not in (0, before) and active(UNIT), 60 + 20 * SLOW, "the service is back")
    print(f"      back after {time.monotonic() - started:.1f} s")
    expect(restarts(UNIT) > count, "systemd restarted it")
    readings_come()
    nothing_is_lost()


def reloads() -> None:
    """The running process loads a valid new configuration."""
    before = main_pid(UNIT)
    CONFIG.write_text(configuration("bare_value = true"))
    run("systemctl", "reload", UNIT)
    until(lambda: any(topic.endswith("/value") for topic, _ in broker.heard()), 40 * SLOW, "the bare value")
    expect(main_pid(UNIT) == before, "the process is the same")


def keeps_the_last_good_configuration() -> None:
    """A wrong new configuration is reported; the process continues with the old one."""
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
    """edge-daemon@second has its own configuration and state; one with a wrong configuration is not restarted."""
    CONFIG.with_name("second.toml").write_text(configuration().replace('"rig"', '"second"'))
    shutil.copy(CONFIG.with_name("mqtt-password"), CONFIG.with_name("second.mqtt-password"))
    run("systemctl", "enable", "--now", f"{UNIT}@second")
    until(lambda: any(t.startswith("edge_daemon/second/reading") for t, _ in broker.heard()), 40 * SLOW, "a reading")
    expect(Path("/var/lib/edge-daemon-second").is_dir(), "it has its own state")
    expect(Path("/run/edge-daemon-second").is_dir(), "it has its own runtime folder")
    CONFIG.with_name("wrong.toml").write_text("[camera]\nsource = 'glass eye'\n")
    run("systemctl", "start", f"{UNIT}@wrong", check=False)
    time.sleep(8)
    expect(output("systemctl", "show", "-P", "ExecMainStatus", f"{UNIT}@wrong") == "78", "it ends with 78")
    expect(restarts(f"{UNIT}@wrong") == 0, "it is not restarted")


def names_what_second_opinions_need() -> None:
    """edge-daemon-opinion, whose engine is not installed yet, says what to install, once, and is not restarted."""
    opinion = f"{UNIT}-opinion"
    run("systemctl", "enable", "--now", opinion)
    until(lambda: output("systemctl", "is-active", opinion) == "failed", 40 * SLOW, "it ends")
    time.sleep(8)
    told = output("journalctl", "-u", opinion, "-o", "cat").count("--with opinion")
    expect(told == 1, f"the journal says it once; got {told}")
    expect(output("systemctl", "show", "-P", "ExecMainStatus", opinion) == "69", "it ends with 69")
    expect(restarts(opinion) == 0, "it is not restarted")
    run("systemctl", "disable", opinion)


def aims_as_the_services_user() -> None:
    """`preview`, started by root, runs as the service's user, shows its frames, and saves the configuration."""
    command = ["edge-daemon", "preview", "--config", str(CONFIG), "--for", "10m", "--port", "0"]
    before = (CONFIG.read_text(), CONFIG.owner(), CONFIG.group(), CONFIG.stat().st_mode)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout
        address = next(line.split()[-1] for line in page.stdout if "?token=" in line)
        browser = build_opener(HTTPCookieProcessor())
        browser.open(address)
        users = re.findall(r"^Uid:\s+(.*)$", Path(f"/proc/{page.pid}/status").read_text(), re.MULTILINE)[0].split()
        expect(set(users) == {str(pwd.getpwnam(UNIT).pw_uid)}, f"its users are the service's; got {users}")
        api = address.split("?")[0] + "api/"
        expect(json.load(browser.open(f"{api}look"))["camera"] == "daemon", "it shows the daemon's frames")
        fields = json.load(browser.open(f"{api}fields"))["fields"]
        fields[0]["keys"]["min"] = 0
        body = json.dumps({"fields": [{"keys": fields[0]["keys"], "was": fields[0]["was"]}]}).encode()
        browser.open(Request(f"{api}save", body, {"Content-Type": "application/json"}))
        page.terminate()
    after = (CONFIG.read_text(), CONFIG.owner(), CONFIG.group(), CONFIG.stat().st_mode)
    expect("min = 0" in after[0] and after[1:] == before[1:], f"it is saved, with owner and mode; got {after}")
    CONFIG.write_text(before[0])


def may_ask_for_the_clock() -> None:
    """In the service's sandbox systemd-timedated says whether the clock is set."""
    drop_in = Path(f"/run/systemd/system/{UNIT}@clock.service.d/ask.conf")
    drop_in.parent.mkdir(parents=True)
    ask = "/usr/bin/timedatectl show --property=NTPSynchronized --value"
    drop_in.write_text(f"[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart={ask}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", f"{UNIT}@clock")
    answer = output("journalctl", "-u", f"{UNIT}@clock", "-t", "timedatectl", "-o", "cat")
    expect(answer in ("yes", "no"), f"an answer; got {answer}")
    shutil.rmtree(drop_in.parent)
    run("systemctl", "daemon-reload")


def runs_on_a_read_only_root() -> None:
    """It starts and publishes with a read-only root and a writable state folder."""
    writable = [str(STATE), "/var/log"]
    run("systemctl", "stop", UNIT, "mosquitto")
    for place in writable:
        run("mount", "--bind", place, place)
    run("systemctl", "restart", "systemd-journald")
    run("mount", "-o", "remount,bind,ro", "/")
    try:
        expect(run("touch", "/etc/edge-daemon/new", check=False).returncode != 0, "the root is read-only")
        run("systemctl", "start", UNIT)
        readings_come()
    finally:
        run("mount", "-o", "remount,bind,rw", "/")
        run("systemctl", "stop", UNIT)
        run("umount", str(STATE))
        run("systemctl", "start", UNIT)
