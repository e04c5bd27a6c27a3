"""Updates in the running daemon: when it looks, what it tells, and what becomes of the process that does the work."""

from __future__ import annotations

import fcntl
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.delivery.last_value import LastValueCache
from edge_daemon.domain import Message, Request
from edge_daemon.errors import CommandError, ModelError
from edge_daemon.model_store.store import Store
from edge_daemon.updates.client import UpdateOptions
from edge_daemon.updates.schedule import FIRST, UpdateScheduler
from tests.support import schema_check
from tests.support.brokers.mosquitto import PATIENCE, Mosquitto, Recorder
from tests.support.model_publisher import BUNDLED, ModelPublisher
from tests.support.program import daemon
from tests.support.webserver import WebServer, serving

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def web(published: ModelPublisher) -> Iterator[WebServer]:
    with serving(published.public) as server:
        yield server


class Bench:
    """A daemon's updates, with the test's clock and no chance."""

    def __init__(self, folder: Path, options: UpdateOptions) -> None:
        self.folder, self.options, self.time = folder, options, 0.0
        self.last_values, self.store, self.asked = LastValueCache(), Store(folder / "models"), list[Request]()
        self.updating = self.another()

    def another(self) -> UpdateScheduler:
        """As after a reload."""
        return UpdateScheduler(
            "dock3", self.last_values, self.options, self.folder / "updates", self.store, self.asked.append,
            now=lambda: self.time, draw=lambda low, high: (low + high) / 2,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        (message,) = self.last_values.values()
        assert schema_check.check(message.topic, message.payload) == "update"
        found: dict[str, Any] = json.loads(message.payload)
        return found

    def wait(self) -> list[dict[str, Any]]:
        """Until what is at work is done; all that was told meanwhile."""
        said, deadline = [self.told()], time.monotonic() + 5 * PATIENCE
        while self.updating._running:
            assert time.monotonic() < deadline
            time.sleep(0.01)
            self.updating.on_tick()
            if self.told() != said[-1]:
                said.append(self.told())
        return said


@pytest.fixture
def bench(
    tmp_path: Path, published: ModelPublisher, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    made = Bench(tmp_path, UpdateOptions(web.url, str(published.root)))
    yield made
    made.updating.close()


def test_install(bench: Bench) -> None:
    """Asked to, it says how far it is, and in the end has the daemon begin anew with the new model."""
    assert bench.told()["latest_version"] == bench.told()["installed_version"] == BUNDLED
    assert bench.updating.install()["in_progress"]
    said = bench.wait()
    percents = [one["update_percentage"] for one in said if one["in_progress"] and one["update_percentage"] is not None]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert said[-1] == {
        "installed_version": "9.4.0", "latest_version": "9.4.0", "in_progress": False, "update_percentage": None,
        "release_summary": "",
    }  # fmt: skip
    assert bench.asked == [Request.RELOAD]
    assert bench.updating.rollback() == {"installed_version": BUNDLED}
    assert bench.asked == [Request.RELOAD] * 2
    bench.updating = bench.another()
    assert bench.told()["latest_version"] == BUNDLED  # the refused one is not offered again
    with pytest.raises(ModelError, match="none before it"):
        bench.updating.rollback()


def test_only_told_of(bench: Bench) -> None:
    """Unless it is automatic, what the timer finds is told, and not installed; also after a restart."""
    bench.options = UpdateOptions(bench.options.url, bench.options.root, automatic=False)
    bench.updating = bench.another()
    bench.time = sum(FIRST) / 2
    bench.updating.on_tick()
    assert not any(one["in_progress"] for one in bench.wait())
    assert (bench.told()["installed_version"], bench.told()["latest_version"]) == (BUNDLED, "9.4.0")
    bench.updating = bench.another()
    assert bench.told()["latest_version"] == "9.4.0"
    assert bench.asked == []


@pytest.mark.slow
def test_when_it_looks(bench: Bench, web: WebServer) -> None:
    """Not at once, then once a day, and within an hour after a look that failed."""
    web.raw = lambda path: iter([b"HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n"])

    def looks(after: float) -> bool:
        bench.time += after
        bench.updating.on_tick()
        began = bench.updating._running is not None
        bench.wait()
        return began

    first = sum(FIRST) / 2
    assert not looks(first - 1)
    assert looks(1)
    assert "503" in bench.told()["release_summary"]
    assert not looks(HOUR - 1)
    web.raw = lambda path: None
    assert looks(1)
    assert bench.told()["installed_version"] == "9.4.0"
    assert not looks(DAY - 1)
    assert looks(1)


def test_what_is_not_believed_is_a_problem(bench: Bench, web: WebServer, states: dict[str, ModelPublisher]) -> None:
    """A stranger's folder is told in `problem`, until the owner's is back; that nobody answers is none."""
    web.folder = states["stranger"].public
    bench.updating.check()
    bench.wait()
    assert "not signed by" in bench.updating.problems()["updates"]
    bench.updating = bench.another()
    assert list(bench.updating.problems()) == ["updates"]
    web.raw = lambda path: iter([b""])
    bench.updating.check()
    assert bench.wait()[-1]["release_summary"]
    assert bench.updating.problems() == {}


@pytest.mark.slow
def test_a_process_that_dies(bench: Bench) -> None:
    """It is told of, and asked for again it does its work; two at once are refused; at the daemon's end it is ended."""
    bench.updating.install()
    with pytest.raises(CommandError, match="running already"):
        bench.updating.check()
    assert bench.updating._running
    bench.updating._running.process.send_signal(signal.SIGKILL)
    assert "SIGKILL" in bench.wait()[-1]["release_summary"]
    assert bench.told()["installed_version"] == BUNDLED
    bench.updating.install()
    child = bench.updating._running.process
    bench.updating.close()
    assert child.returncode == -signal.SIGKILL


def test_a_failure_that_cannot_be_noted_is_told(bench: Bench) -> None:
    """Where the process can leave no word on the disk, as while somebody updates by hand, its own word counts."""
    folder = bench.folder / "updates"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bench.updating.install()
        assert "another update is running" in bench.wait()[-1]["release_summary"]


def test_what_is_older_than_the_bundled_model_is_not_offered(bench: Bench) -> None:
    """After an upgrade of the program: who publishes has an older model still, and Home Assistant shows no update."""
    bench.updating.check()
    assert bench.wait()[-1]["latest_version"] == "9.4.0"
    bench.store._floor = bench.store._floor.with_name("digits-10.0.0.json")
    assert bench.updating.payload().latest_version == bench.updating.payload().installed_version == "10.0.0"


def test_without_a_url(tmp_path: Path) -> None:
    """Nothing is told, nothing is begun, and who asks is told why; going back needs none."""
    bench = Bench(tmp_path, UpdateOptions())
    bench.time = 100 * DAY
    bench.updating.on_tick()
    assert bench.last_values.values() == []
    for ask in (bench.updating.check, bench.updating.install):
        with pytest.raises(CommandError, match=r"\[updates\]"):
            ask()


def test_the_daemon_goes_on_with_the_new_model(
    tmp_path: Path, published: ModelPublisher, web: WebServer, broker: Mosquitto, recorder: Recorder
) -> None:
    """Home Assistant's button is pressed: readings come from the new model, and from the old one after a rollback."""
    camera = 'source = "simulated"\nhold = 3.0'
    updates = f'[updates]\nurl = "{web.url}"\nroot = "{published.root}"'

    def models() -> list[str]:
        return [said["model"] for said in recorder.payloads("/info")]

    with daemon(tmp_path, broker.url, camera, updates) as process:
        recorder.wait_for(lambda heard: models() == [f"digits@{BUNDLED}"])
        recorder.say(Message("edge_daemon/bench/request/model_install", b"{}"))
        recorder.wait_for(lambda heard: models()[-1] == "digits@9.4.0", 3 * PATIENCE)
        recorder.say(Message("edge_daemon/bench/request/model_rollback", b"{}"))
        recorder.wait_for(lambda heard: models()[-1] == f"digits@{BUNDLED}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    answers = [json.loads(payload) for topic, payload in recorder.heard if "/response/" in topic]
    assert [answer["status"] for answer in answers] == ["ok", "ok"]
    assert recorder.payloads("/update")[-1]["installed_version"] == BUNDLED
    assert "update" in schema_check.check_all(recorder.heard)
