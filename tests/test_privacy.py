"""What the README's privacy table promises: with the defaults no frame and no cut-out leaves the device, with second
opinions cut-outs of doubtful numbers do, and nothing else."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.domain import ReceivedMessage
from edge_daemon.on_device import frame_share
from edge_daemon.on_device.samples import Samples
from edge_daemon.second_opinion import messages
from tests.support import schema_check
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.pictures.doubtful import REGION, doubtful_pages
from tests.support.pictures.paper import page
from tests.support.program import daemon

QUESTION = "edge_daemon/bench/opinion/request"
HEADS = (b"\x89PNG\r\n", b"\xff\xd8\xff\xe0")
MAGIC = [magic for head in HEADS for magic in (head, base64.b64encode(head)[:4])]
"""How PNG and JPEG begin, as they are and in base64."""
LONGEST = 16_384


def test_no_picture_on_any_topic(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """While samples are kept and somebody looks through the window: every message keeps its topic's schema, which has
    no place for a picture, and none holds one, neither as bytes nor as base64."""
    camera = 'source = "simulated"\nseed = 2\nhold = 3.0\nactive_fps = 10.0\nnumbers = 6\nframes = 150'
    field = '[[field]]\nname = "odd"\nregion = [0.05, 0.05, 0.9, 0.3]\nformat = "##:##"\ntext = true\n'
    with daemon(tmp_path, broker.url, camera, field) as process:
        folder = tmp_path / "runtime" / "preview"
        while process.poll() is None and not folder.is_dir():
            time.sleep(0.02)
        frame_share.request_frames(folder)
        recorder.wait_for(lambda heard: heard and heard[-1][1] == b"offline", timeout=60)
        assert process.wait(20) == 0
    assert Samples(tmp_path / "state" / "samples", 0, 0).paths()
    assert not any("opinion" in topic for topic, _ in recorder.heard)
    assert not any("opinion" in line for line in broker.log), "the device listens to what it has not asked for"
    holds_no_picture(recorder.heard)


def holds_no_picture(heard: list[tuple[str, bytes]]) -> None:
    schema_check.check_all(heard)
    for topic, payload in heard:
        assert not any(magic in payload for magic in MAGIC), topic
        assert len(payload) < LONGEST, topic


@pytest.mark.slow
def test_second_opinions_send_the_doubtful_number_and_nothing_else(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder
) -> None:
    """Two fields, one doubtful: one question, its picture the doubtful number with a little paper; no other topic has a
    picture, and no other field is in it."""
    doubtful = next(doubtful_pages())
    sure = page([("2021", 20, 40)], pen=5, height=60)[:160, :320]
    both = np.vstack([doubtful, sure])
    cv2.imwrite(str(tmp_path / "page.png"), both)
    camera = f'source = "files"\npath = "{tmp_path / "page.png"}"\nloop = true'
    x, y, w, h = REGION
    fields = "".join(
        f'[[field]]\nname = "{name}"\nregion = {region}\nsettle = "1s"\n'
        for name, region in (("units", [*REGION]), ("sure", [5, 250, 300, 130]))
    )
    with daemon(tmp_path, broker.url, camera, f"{fields}[opinion]\nper_day = 100\n") as process:
        recorder.wait_for(lambda _: recorder.count("/opinion/request"))
        recorder.wait_for(lambda _: recorder.count("/reading/sure"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    questions = [payload for topic, payload in recorder.heard if topic == QUESTION]
    holds_no_picture([(topic, payload) for topic, payload in recorder.heard if topic != QUESTION])
    (question,) = questions
    assert set(json.loads(question)) == {"id", "picture"}
    pixels = messages.parse_question(ReceivedMessage(QUESTION, question))[2]
    field = doubtful[y : y + h, x : x + w]
    assert pixels.shape[0] <= h
    assert pixels.shape[1] < w
    assert cv2.matchTemplate(field, pixels, cv2.TM_CCOEFF_NORMED).max() > 0.95


def test_the_daemon_has_nothing_of_the_web_in_it() -> None:
    """`run` imports neither the page nor what serves it."""
    web = "{'bottle', 'waitress', 'tomlkit', 'edge_daemon.preview'}"
    code = f"import sys, edge_daemon.app; print([m for m in {web} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
