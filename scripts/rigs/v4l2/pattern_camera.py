"""A camera with test pictures: the kernel's driver vivid. Each function is a step of the scenario."""

from __future__ import annotations

import json
import subprocess
import time

from scripts.rigs.machine import active, expect, main_pid, output, run, until
from scripts.rigs.service import CONFIG, OPT, SLOW, UNIT, broker, configured

VIVID = ["modprobe", "vivid", "n_devs=1", "node_types=0x20001", "num_inputs=1", "input_types=0"]
"""A webcam at /dev/video0, and a node for metadata at /dev/video1, as USB cameras have."""
CAMERA = 'source = "v4l2"\nsize = [640, 480]\nactive_fps = 4.0\nidle_fps = 2.0\n'
SET = {"brightness": 200, "gain_automatic": 0, "gain": 77}
CONTROLS = f'controls = "{",".join(f"{name}={value}" for name, value in SET.items())}"\n'
DIRECTLY = """
import time
from edge_daemon.sources.v4l2 import Options, V4l2Camera
frames = V4l2Camera(Options(size=(320, 180), active_fps=4.0, idle_fps=4.0)).frames(1.0)
shapes, began = set(), 0.0
for _ in range(21):
    shapes.add(next(frame.pixels.shape for frame in frames if frame))
    began = began or time.monotonic()
print(*shapes, f"{20 / (time.monotonic() - began):.2f}", sep=";")
"""


def plug_in() -> None:
    """Switches off the counters in its pictures, which would be read as numbers."""
    run(*VIVID)
    run("udevadm", "settle")
    run("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2")


def checked(section: str) -> list[dict[str, str]]:
    done = run("edge-daemon", "check", "--config", str(CONFIG), "--json", section, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    print("".join(f"      {f['level']} {f['what']} {f['remedy']}\n" for f in found), end="", flush=True)
    return found


def controls(*names: str) -> dict[str, int]:
    lines = output("v4l2-ctl", "-d", "/dev/video0", "-C", ",".join(names)).splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def frames() -> int:
    return int(json.loads(broker.last("edge_daemon/rig/health") or '{"frames": 0}')["frames"])


def problem() -> str:
    return broker.last("edge_daemon/rig/problem")


def frames_come() -> None:
    """The age of the newest frame, from health.json: `health` is published only once a minute."""
    seen = frames()
    until(lambda: frames() not in (0, seen), 90 * SLOW, "more frames")


def is_listed_and_delivers() -> None:
    """`check` gets a frame within 5 s; for an absent camera or a metadata node it names the cameras that exist."""
    configured(CAMERA.replace("\n", '\ndevice = "/dev/video7"\n', 1))
    expect("is not there" in checked("camera")[0]["what"], "the absent camera is reported")
    plug_in()
    told = checked("camera")[0]["what"]
    expect("There is /dev/video0" in told and "video1" not in told, "the existing cameras are named")
    configured(CAMERA.replace("\n", '\ndevice = "/dev/video1"\n', 1))
    expect("/dev/video1 is no camera; try /dev/video0" in checked("camera")[0]["what"], "a metadata node is named")
    configured(CAMERA)
    found = checked("camera")[0]
    expect(found["level"] == "OK" and "640x480" in found["what"], "a frame of the requested size")


def gives_what_was_asked_for() -> None:
    """Frames have the requested size and rate."""
    shapes, pace = output(f"{OPT}/current/bin/python", "-c", DIRECTLY).split(";")
    print(f"      {shapes} at {pace} a second", flush=True)
    expect(shapes == "(180, 320)", "frames of 320x180")
    expect(2.0 < float(pace) < 4.5, "about four a second, and not more")


def runs_as_a_service() -> None:
    """In the unit's sandbox the daemon can use the camera and set its controls."""
    configured(CAMERA + CONTROLS)
    run("systemctl", "start", UNIT)
    frames_come()
    expect(active(UNIT) and '"ON"' not in problem(), "no problem is reported")
    expect(controls("brightness", "gain", "gain_automatic") == SET, "its controls are set")
    expect(output("systemctl", "show", "-P", "DevicePolicy", UNIT) == "closed", "other devices are not accessible")
    expect(any("running daemon has it" in found["what"] for found in checked("camera")), "`check` asks the daemon")


def is_calibrated() -> None:
    """`calibrate` lets the camera find its gain, locks it, and does not change other controls."""
    run("systemctl", "stop", UNIT)
    done = run("edge-daemon", "calibrate", "--config", str(CONFIG), "--write")
    print(f"      {done.stdout.splitlines()[-1]}", flush=True)
    line = next(line for line in CONFIG.read_text().splitlines() if line.startswith("controls"))
    expect(line.startswith('controls = "brightness=200,gain_automatic=0,gain='), line)
    run("systemctl", "start", UNIT)
    gain = int(line.rstrip('"').rpartition("=")[2])
    until(lambda: controls("gain") == {"gain": gain}, 60 * SLOW, "the gain that was found")
    expect(controls("gain_automatic") == {"gain_automatic": 0}, "it is locked")


def belongs_to_one_program() -> None:
    """A program that uses the camera is named; the daemon waits and opens the camera when it is free."""
    frames_come()
    told = run("edge-daemon", "calibrate", "--config", str(CONFIG), check=False).stderr
    print(f"      {told.strip()}", flush=True)
    expect(f"is in use, and only one program can have it: edge-daemon (process {main_pid(UNIT)})" in told, told)
    run("systemctl", "stop", UNIT)
    other = subprocess.Popen(
        ["v4l2-ctl", "-d", "/dev/video0", "--stream-mmap"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(2 * SLOW)
    run("systemctl", "start", UNIT)
    until(lambda: "/dev/video0 is in use" in problem(), 60 * SLOW, "`problem` tells")
    before = main_pid(UNIT)
    other.terminate()
    other.wait()
    until(lambda: '"OFF"' in problem(), 120 * SLOW, "`problem` is over")
    expect(main_pid(UNIT) == before, "the process is the same")


def goes_dark() -> None:
    """A black picture is reported as too dark."""
    run("v4l2-ctl", "-d", "/dev/video0", "-c", "test_pattern=5,brightness=0")
    until(lambda: '"too_dark"' in broker.last("edge_daemon/rig/reading/units"), 60 * SLOW, "the status")


def goes_and_comes_back() -> None:
    """An unplugged camera is a `problem`; when it is plugged in again, the same process gets frames again."""
    before = main_pid(UNIT)
    run("v4l2-ctl", "-d", "/dev/video0", "-c", "disconnect=1")
    until(lambda: '"ON"' in problem(), 60 * SLOW, "`problem` tells")
    run("rmmod", "vivid")
    until(lambda: "/dev/video0 is not there" in problem(), 120 * SLOW, "`problem` tells what there is not")
    expect(broker.last("edge_daemon/rig/availability") == "online", "the daemon is online")
    plug_in()
    started = time.monotonic()
    until(lambda: '"OFF"' in problem(), 120 * SLOW, "`problem` is over")
    print(f"      back {time.monotonic() - started:.0f} s after it was plugged in", flush=True)
    frames_come()
    expect(main_pid(UNIT) == before, "the process is the same")
    expect(controls("brightness") == {"brightness": 200}, "its controls are set again")
    run("systemctl", "stop", UNIT)
    run("rmmod", "vivid")
