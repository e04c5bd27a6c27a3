"""A newer model from a signed folder, over real HTTP, into the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_daemon.errors import ModelError, UpdateError
from edge_daemon.updates.client import MODEL, UpdateOptions
from edge_daemon.updates.install import WRITTEN
from tests.support.disks import on_small_disk
from tests.support.model_publisher import BUNDLED, INT8, NOW, WEIGHTS, ModelPublisher, UpdatedDevice
from tests.support.webserver import WebServer, serving


@pytest.fixture
def owner(published: ModelPublisher, tmp_path: Path) -> ModelPublisher:
    return published.copy(tmp_path / "owner")


@pytest.fixture
def web(owner: ModelPublisher) -> Iterator[WebServer]:
    with serving(owner.public) as server:
        yield server


@pytest.fixture
def device(owner: ModelPublisher, web: WebServer, tmp_path: Path) -> UpdatedDevice:
    return UpdatedDevice(tmp_path / "device", web.url, owner.root)


def test_a_newer_model_is_installed(device: UpdatedDevice, web: WebServer) -> None:
    """Looking tells of it, updating makes it the active one, and then it is the newest; nothing is left lying about."""
    assert (device.look().latest, device.store.active().bundled) == ("9.4.0", True)
    progress: list[tuple[int, int]] = []
    done = device.update(progress=lambda loaded, of: progress.append((loaded, of)))
    assert (done.installed, done.changed) == ("9.4.0", True)
    assert device.store.usable()[0].name == "9.4.0"
    assert progress[-1][0] == progress[-1][1] == sum(f["bytes"] for f in files(device))
    assert progress == sorted(progress)
    asked = len(web.asked)
    assert not device.update().changed
    assert web.asked[asked:] == ["/metadata/2.root.json", "/metadata/timestamp.json"]
    assert not (device.folder / "updates/incoming").exists()


def files(device: UpdatedDevice) -> list[dict[str, int]]:
    manifest = device.store.active().manifest
    found: list[dict[str, int]] = list(json.loads(manifest.read_text())["files"].values())
    return found


@pytest.mark.slow
def test_the_owner_may_go_back(device: UpdatedDevice, owner: ModelPublisher) -> None:
    """An earlier model that is published again is the newest: it is signed later. What is here is not loaded again."""
    device.update()
    owner.publish("9.5.0")
    assert device.update().installed == "9.5.0"
    owner.publish("9.4.0")
    assert device.update().installed == "9.4.0"
    assert not (device.folder / "updates/incoming").exists()


@pytest.mark.slow
def test_what_is_older_than_the_bundled_model_is_taken_by_hand_only(device: UpdatedDevice) -> None:
    """The timer of an upgraded program leaves it; asked for again it is installed, and stays."""
    device.store._floor = device.store._floor.with_name("digits-10.0.0.json")
    assert "older than the model that came" in device.look().why
    done = device.update()
    assert (done.changed, done.installed, "older" in done.why) == (False, "10.0.0", True)
    assert device.update(again=True).installed == "9.4.0"
    assert (device.update().installed, device.store.outdated()) == ("9.4.0", "")


@pytest.mark.slow
def test_what_was_left_is_not_installed_again(device: UpdatedDevice) -> None:
    """A version that was rolled back stays away, and the reason is told."""
    device.update()
    device.store.rollback("it read badly")
    done = device.update()
    assert (done.changed, done.installed) == (False, BUNDLED)
    assert "it read badly" in done.why
    assert device.known().why == done.why


@pytest.mark.slow
def test_a_model_that_does_not_fit_is_loaded_once(device: UpdatedDevice, owner: ModelPublisher, web: WebServer) -> None:
    """What the store does not take is told with its reason, and is not loaded again every day, only when asked to."""
    manifest = owner.folder / "model-9.4.0/digits-9.4.0.json"
    said = json.loads(manifest.read_text()) | {"normaliser": 99, "version": "9.6.0"}
    other = owner.folder / "model-9.4.0/digits-9.6.0.json"
    other.write_text(json.dumps(said))
    publish_untried(owner, other)
    with pytest.raises(ModelError, match="normaliser 99"):
        device.update()
    sent = web.sent
    assert "normaliser 99" in device.update().why
    assert web.sent - sent < 20_000
    assert device.store.active().bundled
    with pytest.raises(ModelError, match="normaliser 99"):
        device.update(again=True)


def publish_untried(owner: ModelPublisher, manifest: Path) -> None:
    """A model that is not accepted: its owner has another version of the program."""
    from edge_daemon.inference.manifest import Manifest, decode, read_file
    from edge_daemon.updates import publish

    facts = decode(manifest, Manifest)
    files = {file.name: read_file(manifest.parent, file) for file in facts.files.values()}
    repository = publish._Repository(owner.public, owner.keys, NOW)
    repository.sign(files | {MODEL: manifest.read_bytes()}, timedelta(days=365))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["manifest", "network", "folder"])
def test_a_model_that_was_damaged_comes_again(device: UpdatedDevice, damage: str) -> None:
    """What a bad disk took from the active model is loaded anew."""
    device.update()
    manifest = device.store.active().manifest
    if damage == "folder":
        shutil.rmtree(manifest.parent)
    else:
        (manifest if damage == "manifest" else manifest.with_name(WEIGHTS)).write_bytes(b"\x00")
    assert device.store.usable()[0].bundled
    assert device.update().changed
    assert device.store.usable()[0].name == "9.4.0"


# The clock


def test_an_unset_clock_does_not_keep_a_device_from_updates(device: UpdatedDevice, owner: ModelPublisher) -> None:
    """In 1970 signatures are judged as of the day this program was written."""
    device.clock = datetime(1970, 1, 1, 0, 3, tzinfo=UTC)
    assert device.look().latest == "9.4.0"
    assert device.known().newest == WRITTEN.timestamp()


def test_a_clock_that_goes_back_brings_nothing_back(device: UpdatedDevice, owner: ModelPublisher) -> None:
    """What ran out at the newest time this device has been sure of is refused, whatever the clock says later."""
    device.look()
    device.clock = NOW + timedelta(days=364)
    device.look()
    owner.publish(now=NOW - timedelta(days=10))  # a later version, that holds until ten days before those
    device.clock = datetime(1970, 1, 1, tzinfo=UTC)
    with pytest.raises(UpdateError, match="expired"):
        device.look()


def test_a_clock_that_was_ahead_does_no_lasting_harm(device: UpdatedDevice, owner: ModelPublisher) -> None:
    """Far in the future everything has run out; that time is not remembered, and with the right one all is well."""
    device.clock = datetime(2099, 1, 1, tzinfo=UTC)
    with pytest.raises(UpdateError, match="2099-01-01 00:00 UTC"):
        device.look()
    device.clock = NOW
    assert device.look().latest == "9.4.0"


# Bad links


@pytest.mark.slow
def test_what_broke_off_is_loaded_by_the_next_run(device: UpdatedDevice, web: WebServer) -> None:
    """The server cuts off the second file: the next run loads that, and not what has arrived whole."""

    def cut_the_next(loaded: int, of: int) -> None:
        web.breaks_after = 50_000

    with pytest.raises(UpdateError, match=r"Connection broken.*the next check tries again"):
        device.update(progress=cut_the_next)
    assert device.store.active().bundled
    web.breaks_after = None
    assert device.update().changed
    assert [sum(name in path for path in web.asked) for name in (WEIGHTS, INT8)] == [1, 2]


@pytest.mark.slow
def test_a_file_that_was_spoilt_is_loaded_again(device: UpdatedDevice, web: WebServer) -> None:
    """What a bad disk or a power cut has changed of a complete file is found by its hash."""

    def cut_the_next(loaded: int, of: int) -> None:
        web.breaks_after = 50_000

    with pytest.raises(UpdateError):
        device.update(progress=cut_the_next)
    web.breaks_after = None
    (there,) = (device.folder / "updates/incoming").rglob(WEIGHTS)
    there.write_bytes(bytes(there.stat().st_size))
    assert device.update().changed


def test_nobody_there(device: UpdatedDevice, web: WebServer) -> None:
    """No server, no folder, no root file: a sentence, and the model that runs goes on."""
    device.options = UpdateOptions(f"{web.url}/elsewhere", device.options.root)
    with pytest.raises(UpdateError, match=r"404.*model publish") as missing:
        device.look()
    assert "elsewhere" not in str(missing.value)  # of a URL only its host is shown: a secret may stand in the path
    device.options = UpdateOptions("http://127.0.0.1:1/", device.options.root)
    with pytest.raises(UpdateError, match=r"127\.0\.0\.1:1: Failed to establish .* refused; the next check"):
        device.look()
    device.options = UpdateOptions(web.url, str(device.folder / "none.json"))
    with pytest.raises(UpdateError, match=r"none\.json: No such file"):
        device.look()
    assert "copy root.json" in device.known().error
    (device.folder / "none.json").write_text("<html>")
    with pytest.raises(UpdateError, match=r"none\.json is not a root file"):
        device.look()


@pytest.mark.slow
def test_two_at_once(device: UpdatedDevice) -> None:
    """A second update is refused while one is at work."""

    def meanwhile(loaded: int, of: int) -> None:
        with pytest.raises(UpdateError, match="another update"):
            device.look()

    assert device.update(progress=meanwhile).changed


# The disk


@pytest.mark.slow
def test_a_full_disk(owner: ModelPublisher, web: WebServer, tmp_path: Path) -> None:
    """With too little room nothing is begun; where it fills up meanwhile that is told; then the update goes on.

    The model that runs is not touched by any of that.
    """
    script = f"""
    import edge_daemon.updates.client as client
    from edge_daemon.errors import UpdateError
    from tests.support.model_publisher import UpdatedDevice
    device = UpdatedDevice(DISK / "device", {web.url!r}, Path({str(owner.root)!r}))

    def refused():
        try:
            device.update()
        except UpdateError as error:
            return str(error)

    assert "MB are free" in refused()
    client.DISK_RESERVE = 0
    before = (DISK / "device/updates/incoming")
    size = 700_000
    with (DISK / "filler").open("wb") as file:  # room for the model once, and for no copy of it
        file.write(bytes(__import__("shutil").disk_usage(DISK).free - size))
    client.shutil.disk_usage = lambda path: type("Usage", (), {{"free": 10**9}})
    assert "No space left" in refused(), refused()
    assert device.store.active().bundled
    assert device.known().latest == "9.4.0"
    clear()
    assert device.update().changed
    assert device.store.usable()[0].name == "9.4.0"
    """
    on_small_disk(tmp_path / "disk", script)
