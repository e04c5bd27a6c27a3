"""What the README's privacy table promises: with the defaults no frame and no cut-out leaves the device."""

from __future__ import annotations

import ast
import base64
import subprocess
import sys
import time
from pathlib import Path

import edge_daemon
from edge_daemon import window
from edge_daemon.samples import Samples
from tests import contract
from tests.broker import Mosquitto, Recorder
from tests.test_app import daemon

PACKAGE = Path(edge_daemon.__file__).parent
PICTURES = {"window", "samples", "doubts", "ring", "explain", "lessons", "labelling", "preview"}
"""Modules that hold pixels for people."""
NETWORK = {"wire", "board", "courier", "link", "sinks", "lanes", "outbox", "report", "commands", "controls"}
"""Modules that what is published goes through."""
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
        window.ask(folder)
        recorder.wait_for(lambda heard: heard and heard[-1][1] == b"offline", timeout=60)
        assert process.wait(20) == 0
    assert Samples(tmp_path / "state" / "samples", 0, 0).paths()
    contract.check_all(recorder.heard)
    for topic, payload in recorder.heard:
        assert not any(magic in payload for magic in MAGIC), topic
        assert len(payload) < LONGEST, topic


def test_what_publishes_does_not_know_what_holds_pictures() -> None:
    """No module on the way to the broker imports one that keeps pixels for people, nor the other way round."""

    def known(path: Path) -> set[str]:
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edge_daemon"):
                inner = (node.module or "").split(".")[1:2]
                names |= set(inner) or {alias.name for alias in node.names}
        return names

    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part in NETWORK:
            assert not known(path) & PICTURES, path
        if part in PICTURES - {"preview"}:  # the page tells what would be sent, through wire.encode
            assert not known(path) & NETWORK, path


def test_the_daemon_has_nothing_of_the_web_in_it() -> None:
    """`run` imports neither the page nor what serves it."""
    web = "{'bottle', 'waitress', 'tomlkit', 'edge_daemon.preview'}"
    code = f"import sys, edge_daemon.app; print([m for m in {web} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
