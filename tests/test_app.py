"""The whole road: a camera's frames become readings that a subscriber receives from a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_daemon import app
from edge_daemon.domain import Frame, Listener, Status
from edge_daemon.errors import OutboxError
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.number import Truth
from edge_daemon.sources.simulated.options import SimulatedOptions
from edge_daemon.tools import explain
from tests.support import schema_check
from tests.support.brokers.mosquitto import Mosquitto, Recorder, retained
from tests.support.pictures.paper import write_page
from tests.support.program import daemon
from tests.support.received import Received, availability, has_texts, payloads, readings


def test_a_picture_becomes_retained_readings(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Two numbers on a sheet arrive as auto-1 and auto-2 with value, boxes and votes; offline comes last.

    And every message keeps the schema of its topic.
    """
    path = write_page(tmp_path, ("2021", 60, 80), ("38", 80, 280))
    with daemon(tmp_path, broker.url, f'source = "files"\npath = "{path}"\nloop = true') as process:
        recorder.wait_for(has_texts("2021", "38"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    recorder.wait_for(lambda heard: heard[-1] == ("edge_daemon/bench/availability", b"offline"))
    said_of = schema_check.check_all(recorder.heard)
    assert said_of >= {"availability", "reading", "event", "info", "health", "problem"}
    first = readings(recorder.heard)[0]
    assert first["value"] == int(first["text"])
    assert first["votes"][0] >= 3
    assert len(first["digits"]) == len(first["text"])
    assert {e["event_type"] for e in payloads(recorder.heard, "/event")} == {"reading_changed"}


def test_a_configuration_is_good_after_a_frame_was_read_with_it(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder
) -> None:
    """One with which no frame was read yet, and that may end the daemon, is not what it starts with next."""
    watched, copy = tmp_path / "watched", tmp_path / "state/last-good.toml"
    watched.mkdir()
    with daemon(tmp_path, broker.url, f'source = "files"\npath = "{watched}"\nwatch = true'):
        recorder.wait_for(lambda heard: availability(recorder) == [b"online"])
        assert not copy.exists()
        write_page(watched, ("2021", 60, 80))
        recorder.wait_for(has_texts("2021"))
        assert copy.read_text().endswith((tmp_path / "edge.toml").read_text())


def test_a_listener_that_fails_does_not_end_the_path(caplog: pytest.LogCaptureFixture) -> None:
    """An error that is not foreseen is logged once; a foreseen one ends the daemon, as it is meant to."""
    listener = Listener()
    for _ in range(2):
        app.tell(listener, "tank", None, partial(fail, ZeroDivisionError()))
    assert [record.getMessage().split(";")[0] for record in caplog.records] == ["telling Listener of tank failed"]
    with pytest.raises(OutboxError):
        app.tell(listener, "tank", None, partial(fail, OutboxError("full")))


def fail(error: Exception) -> None:
    raise error


def test_a_renamed_field_leaves_nothing_at_the_broker(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """After the next start only the new name is retained; bare values that are switched off are gone, too."""
    path = write_page(tmp_path, ("38", 80, 280))
    camera = f'source = "files"\npath = "{path}"\nloop = true'
    field = '[[field]]\nname = "{}"\nregion = [0.05, 0.5, 0.5, 0.4]\nsettle = "1s"\n'
    with daemon(tmp_path, broker.url, camera, "bare_value = true\n" + field.format("tank")):
        recorder.wait_for(lambda _: recorder.payloads("/tank") and recorder.payloads("/tank/value"))
    with daemon(tmp_path, broker.url, camera, field.format("silo")):
        recorder.wait_for(lambda _: recorder.payloads("/silo"))
    assert retained(broker.port, "/silo")["value"] == 38
    for gone in ("/tank", "/tank/value", "/silo/value"):
        assert retained(broker.port, gone) is None


def test_a_field_is_published_under_its_name(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """With a field on the lower number only that is read, with its unit, on reading/<name>."""
    path = write_page(tmp_path, ("2021", 60, 80), ("38", 80, 280))
    field = '[[field]]\nname = "tank"\nregion = [0.05, 0.5, 0.5, 0.4]\nformat = "##"\nunit = "cm"\nsettle = "1s"\n'
    with daemon(tmp_path, broker.url, f'source = "files"\npath = "{path}"\nloop = true', field):
        recorder.wait_for(has_texts("38"))
    (reading,) = payloads(recorder.heard, "/reading/tank")
    assert (reading["value"], reading["unit"]) == (38, "cm")
    assert 50 <= reading["digits"][0]["box"][0] <= 120
    assert not payloads(recorder.heard, "/reading/auto-1")


def test_the_broker_away_for_a_while_loses_nothing(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Readings made while the broker is down all arrive afterwards, no seq is missing, and topics keep their order."""
    camera = 'source = "simulated"\nseed = 4\nhold = 3.0\nactive_fps = 10.0'
    with daemon(tmp_path, broker.url, camera) as process:
        recorder.wait_for(lambda heard: len(readings(heard)) >= 2)
        broker.stop()
        assert process.stderr is not None
        while "trying again" not in process.stderr.readline():
            pass
        count_log_lines(process, ": ", 4)
        broker.start()
        recorder.wait_for(lambda heard: len(readings(heard)) > 6 and is_complete(heard), timeout=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    recorder.wait_for(lambda heard: heard[-1][1] == b"offline")
    assert is_complete(recorder.heard)
    for topic in {t for t, _ in recorder.heard}:
        order = [json.loads(p)["seq"] for t, p in recorder.heard if t == topic and b'"seq"' in p]
        assert order == sorted(order), topic


def is_complete(heard: Received) -> bool:
    """Whether every seq up to the highest one was received."""
    seqs = {json.loads(p)["seq"] for _, p in heard if b'"seq"' in p}
    cleared = sum(not payload for _, payload in heard)  # a number that left: its empty message has no seq
    return len(seqs) + cleared >= max(seqs, default=0)


def count_log_lines(process: subprocess.Popen[str], containing: str, count: int) -> None:
    """Returns after the daemon has logged so many lines with this text."""
    assert process.stderr is not None
    while count:
        count -= containing in process.stderr.readline()


def test_a_stated_truth_changes_nothing(tmp_path: Path) -> None:
    """With another truth stated in its place the simulated camera's pictures, and so the readings, stay the same."""
    honest = SimulatedCamera(SimulatedOptions(seed=3, frames=40, realtime=False))
    lying = SimulatedCamera(SimulatedOptions(seed=3, frames=40, realtime=False))
    lying.truth_at = lambda seq: [Truth("666666", (0, 0, 10, 10), 0)]
    assert read_all(honest) == read_all(lying) != []


def read_all(camera: SimulatedCamera) -> list[tuple[str, str | None]]:
    """What the daemon's own stages say of a camera."""
    from edge_daemon.decision.voter import Voter
    from edge_daemon.fields.extract import FieldExtractor
    from edge_daemon.inference import classifier as classifiers
    from edge_daemon.inference.options import ModelOptions
    from edge_daemon.recognition.lines.line_recognizer import LineRecognizer
    from edge_daemon.recognition.reader import Reader
    from edge_daemon.recognition.sieve import Sieve

    classifier, fields = classifiers.load(ModelOptions()), FieldExtractor([])
    reader = Reader(Sieve(), classifier, LineRecognizer())
    voter = Voter([], classifier.name, classifier.backend)
    found: list[tuple[str, str | None]] = []
    for frame in camera.frames(1.0):
        assert isinstance(frame, Frame)
        for patch in fields.cut(frame, voter.undecided):
            voter.observe(patch, reader.read(patch))
        found += [(r.field or "", getattr(r, "text", None)) for r in voter.due(frame.mono)]
    return found


def test_a_hand_is_a_status_and_can_be_explained(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """A subscriber receives that a hand is in the way, not a part of a number; `explain` shows what the camera saw."""
    camera = 'source = "simulated"\nseed = 3\nsurface = "paper"\ntrouble = "hand"\nhold = 40\nrealtime = false\n'
    field = '[[field]]\nname = "count"\nregion = [62, 157, 421, 118]\nsettle = "1s"\n'
    with daemon(tmp_path, broker.url, f"{camera}frames = 600", field) as process:
        assert process.wait(100) == 0
    recorder.wait_for(lambda heard: heard[-1] == ("edge_daemon/bench/availability", b"offline"))
    found = [json.loads(p) for t, p in recorder.heard if t.endswith(("/reading/count", "/history")) and p]
    in_order = sorted({r["id"]: r for r in found}.values(), key=lambda r: r["seq"])
    assert "obstructed" in {r["status"] for r in in_order}
    truth = SimulatedCamera(SimulatedOptions(seed=3, surface="paper", hold=40.0))
    written = {t.text for seq in range(0, 600, 5) for t in truth.truth_at(seq)}
    assert {r["text"] for r in in_order if r["status"] == "ok"} <= written
    seq = next(r["seq"] for r in in_order if r["status"] == "obstructed")
    told = explain.find([tmp_path / "runtime" / "explain"], str(seq))
    assert (told.status, told.seen_as) == (Status.OBSTRUCTED, Status.OBSTRUCTED)


def test_a_wrong_configuration_is_exit_78(tmp_path: Path) -> None:
    """A daemon with a typo in its configuration ends at once with 78, which systemd does not restart."""
    with daemon(tmp_path, "mqtt://127.0.0.1:1", 'source = "simulated"\nsede = 4') as process:
        assert process.wait(20) == 78
        assert process.stderr is not None
        assert "sede" in process.stderr.read()


DEADLY_PICTURE = """
import os
from edge_daemon.sources import image_file
decode = image_file._decode_grey
image_file._decode_grey = lambda name, file: os.abort() if "deadly" in name else decode(name, file)
"""
"""A library that dies of one picture."""

DEADLY_FIELD = """
import os
from edge_daemon.recognition.reader import Reader
read = Reader.read
Reader.read = lambda self, patch: os.abort() if patch.field == "deadly" else read(self, patch)
"""
"""A library that dies of one region."""


def test_a_picture_that_ended_the_daemon_twice_is_passed_over(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder
) -> None:
    """In a watched folder: then the picture before it is read, and `problem` says which one is left out."""
    watched = tmp_path / "watched"
    watched.mkdir()
    write_page(watched, ("2021", 60, 80))
    camera = f'source = "files"\npath = "{watched}"\nwatch = true'
    for deaths in range(3):
        with daemon(tmp_path, broker.url, camera, broken=DEADLY_PICTURE) as process:
            if deaths == 0:
                recorder.wait_for(has_texts("2021"))
                write_page(tmp_path, ("77", 60, 80)).rename(watched / "deadly.png")
            if deaths < 2:
                assert process.wait(60) == -signal.SIGABRT
                continue
            recorder.wait_for(lambda _: problem_of(recorder)["codes"] == ["set_aside"])
            assert "deadly.png has ended the program twice" in problem_of(recorder)["text"]
            write_page(tmp_path, ("38", 80, 280)).rename(watched / "next.png")
            recorder.wait_for(has_texts("38"))


def test_a_field_that_ended_the_daemon_twice_is_left_out(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Its status is `unreadable`; the other field is read as before."""
    path = write_page(tmp_path, ("2021", 60, 80), ("38", 80, 280))
    fields = """
[[field]]
name = "deadly"
region = [0.05, 0.05, 0.6, 0.35]
settle = "1s"
[[field]]
name = "tank"
region = [0.05, 0.5, 0.5, 0.4]
settle = "1s"
"""
    for deaths in range(3):
        with daemon(tmp_path, broker.url, f'source = "files"\npath = "{path}"', fields, DEADLY_FIELD) as process:
            if deaths < 2:
                assert process.wait(60) == -signal.SIGABRT
                continue
            recorder.wait_for(lambda _: recorder.payloads("/deadly") and recorder.payloads("/tank"))
    assert recorder.payloads("/deadly")[-1]["status"] == "unreadable"
    assert recorder.payloads("/tank")[-1]["value"] == 38


def test_a_configuration_that_ended_the_daemon_twice_is_not_used(
    tmp_path: Path, broker: Mosquitto, recorder: Recorder
) -> None:
    """The last good one is used in its place, and `problem` says so."""
    path = write_page(tmp_path, ("38", 80, 280))
    camera = f'source = "files"\npath = "{path}"\n'
    with daemon(tmp_path, broker.url, camera):
        recorder.wait_for(has_texts("38"))
    path.with_name("deadly.png").write_bytes(path.read_bytes())
    for deaths in range(3):
        with daemon(tmp_path, broker.url, camera.replace(path.name, "deadly.png"), broken=DEADLY_PICTURE) as process:
            if deaths < 2:
                assert process.wait(60) == -signal.SIGABRT
                continue
            recorder.wait_for(lambda _: set(problem_of(recorder)["codes"]) == {"config", "set_aside"})


def problem_of(recorder: Recorder) -> dict[str, Any]:
    """The newest message on `problem`."""
    found = recorder.payloads("/problem")
    return found[-1] if found else {"codes": []}
