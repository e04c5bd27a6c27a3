"""A camera with written numbers: photographs through v4l2loopback. Each function is a step of the scenario."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from functools import partial
from pathlib import Path

from scripts.rigs.machine import expect, main_pid, output, run, until
from scripts.rigs.service import SLOW, UNIT, broker, configured
from scripts.rigs.v4l2.pattern_camera import problem

PAGES = Path("/root/pages")
PAGE = Path("/run/rig/page")
CAMERA = 'source = "v4l2"\nsize = [640, 480]\ndevice = "/dev/video9"\n'


def shows(text: str) -> None:
    """Shows another page."""
    (new := PAGE.with_suffix(".new")).symlink_to(PAGES / text)
    new.rename(PAGE)


def more_than(count: int) -> bool:
    return len(broker.delivered()) > count


def is_read() -> None:
    """Numbers shown to the camera arrive at the broker, one after the other, each as it was written."""
    run("modprobe", "v4l2loopback", "video_nr=9", "card_label=Loop", "exclusive_caps=1")
    texts = sorted(path.name for path in PAGES.iterdir())
    shows(texts[0])
    here = Path(__file__).with_name("show_pictures.py")
    run("systemd-run", "--collect", "--unit=rig-page", "python3", str(here), "/dev/video9", str(PAGE))
    configured(CAMERA)
    seen = len(broker.delivered())
    run("systemctl", "start", UNIT)
    for text in texts:
        started, before = time.monotonic(), len(broker.delivered())
        shows(text)
        until(partial(more_than, before), 120 * SLOW, f"{text} is read")
        print(f"      {text}, read {broker.delivered()[-1]} after {time.monotonic() - started:.0f} s", flush=True)
    expect(broker.delivered()[seen:] == texts, f"{texts}; read were {broker.delivered()[seen:]}")


def hangs_and_comes_back() -> None:
    """A camera without frames is a `problem`; when frames come again, the same process reads them."""
    other, before = sorted(path.name for path in PAGES.iterdir())[0], main_pid(UNIT)
    shower = int(output("systemctl", "show", "-P", "MainPID", "rig-page"))
    os.kill(shower, signal.SIGSTOP)
    started = time.monotonic()
    until(lambda: "gives no more frames" in problem(), 60 * SLOW, "`problem` tells")
    print(f"      noticed after {time.monotonic() - started:.0f} s", flush=True)
    shows(other)
    seen = len(broker.delivered())
    os.kill(shower, signal.SIGCONT)
    until(lambda: broker.delivered()[seen:] == [other], 120 * SLOW, f"{other} is read")
    until(lambda: '"OFF"' in problem(), 60 * SLOW, "`problem` is over")
    expect(main_pid(UNIT) == before, "the process is the same")


def is_told_by_the_journal() -> None:
    """Each journalctl command in the README of the service prints something."""
    commands = re.findall(r"^(journalctl .*?)(?: -f)?  ", Path("systemd/README.md").read_text(), re.MULTILINE)
    expect(len(commands) > 5, f"the README has them: {commands}")
    for command in commands:
        answer = output(*shlex.split(command), "--no-pager", "-q", "-o", "cat").splitlines()
        print(f"      {command}: {len(answer)} lines, the last: {answer[-1] if answer else ''}", flush=True)
        expect(bool(answer), f"an answer to {command}")
