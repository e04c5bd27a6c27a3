"""Whoever holds the web server, the network, or an old key cannot make a device take what its owner did not sign.

The names are those of The Update Framework's attacks; the client, the HTTP and the signatures are real.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile

from edge_daemon.errors import UpdateError
from edge_daemon.updates import publish
from edge_daemon.updates.client import MODEL
from tests.support.model_publisher import INT8, NOW, ModelPublisher, UpdatedDevice
from tests.support.webserver import WebServer, serving


@pytest.fixture
def old(states: dict[str, ModelPublisher], tmp_path: Path) -> ModelPublisher:
    return states["first"].copy(tmp_path / "old")


@pytest.fixture
def new(states: dict[str, ModelPublisher], tmp_path: Path) -> ModelPublisher:
    return states["second"].copy(tmp_path / "new")


@pytest.fixture
def web(old: ModelPublisher) -> Iterator[WebServer]:
    with serving(old.public) as server:
        yield server


@pytest.fixture
def device(old: ModelPublisher, web: WebServer, tmp_path: Path) -> UpdatedDevice:
    return UpdatedDevice(tmp_path / "device", web.url, old.root)


def sign(owner: ModelPublisher, signed: Any, key: str = "publish", name: str = "") -> bytes:
    """As somebody who has stolen that key would, and put where it is served."""
    (path,) = owner.keys.glob(f"{key}-*.pem")
    signer = CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    document: Metadata[Any] = Metadata(signed)
    document.sign(signer)
    content = document.to_bytes()
    name = name or ("timestamp.json" if signed.type == "timestamp" else f"{signed.version}.{signed.type}.json")
    (owner.public / "metadata" / name).write_bytes(content)
    return content


def refused(device: UpdatedDevice, why: str, **how: Any) -> None:
    """An update is refused with these words, and the model that ran runs on."""
    before = device.store.active().name
    with pytest.raises(UpdateError, match=why):
        device.update(**how)
    assert device.store.usable()[0].name == before
    assert device.known().error


# Old things


def test_rollback(device: UpdatedDevice, web: WebServer, old: ModelPublisher, new: ModelPublisher) -> None:
    """What was served before is not taken once something newer was seen."""
    web.folder = new.public
    assert device.look().latest == "9.5.0"
    web.folder = old.public
    refused(device, "older than what was served before")


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_rollback_with_the_publish_key(device: UpdatedDevice, web: WebServer, new: ModelPublisher, role: str) -> None:
    """Nor by a newer document that points to an older one."""
    web.folder = new.public
    device.look()
    snapshot, timestamp = new.signed("2.snapshot.json").signed, new.signed("timestamp.json").signed
    if role == "targets":
        content = (new.public / "metadata/1.targets.json").read_bytes()
        snapshot.meta["targets.json"] = MetaFile.from_data(1, content, ["sha256"])
        snapshot.version = 3
        timestamp.snapshot_meta = MetaFile.from_data(3, sign(new, snapshot), ["sha256"])
    else:
        content = (new.public / "metadata/1.snapshot.json").read_bytes()
        timestamp.snapshot_meta = MetaFile.from_data(1, content, ["sha256"])
    timestamp.version = 3
    sign(new, timestamp)
    refused(device, "older than what was served before")


def test_freeze(device: UpdatedDevice, web: WebServer) -> None:
    """Whoever goes on serving the same is believed until it runs out, and no longer."""
    device.clock = NOW + timedelta(days=364)
    assert device.look().latest == "9.4.0"
    device.clock = NOW + timedelta(days=366)
    refused(device, "expired, at 2028-03-01 12:00 UTC")


def test_an_expired_root(device: UpdatedDevice, old: ModelPublisher) -> None:
    """Keys count for ten years, unless their owner renews them; with the root key at hand that happens by itself."""
    late = NOW + timedelta(days=3651)
    stick = next(old.keys.glob("root-*.pem")).rename(old.folder / "stick.pem")
    old.publish(now=late)
    device.clock = late
    refused(device, "root.json is expired")
    stick.rename(old.keys / "root-again.pem")
    old.publish(now=late)
    assert device.look().latest == "9.4.0"


@pytest.mark.slow
def test_fast_forward(device: UpdatedDevice, web: WebServer, old: ModelPublisher) -> None:
    """A thief of the publish key counts up as far as can be; another key, and devices listen to the owner again."""
    timestamp = old.signed("timestamp.json").signed
    timestamp.version = 2**31 - 1
    sign(old, timestamp)
    assert device.look().latest == "9.4.0"
    stolen = old.copy(old.folder.parent / "stolen")
    (old.public / "metadata/timestamp.json").write_bytes((stolen.public / "metadata/timestamp.json").read_bytes())
    old.publish(rotate="publish")
    assert device.update().changed


# Other things


def test_mix_and_match_snapshot(
    device: UpdatedDevice, web: WebServer, old: ModelPublisher, new: ModelPublisher
) -> None:
    """Documents that were each signed once, but never together."""
    web.folder = new.public
    shutil.copy(old.public / "metadata/1.snapshot.json", new.public / "metadata/2.snapshot.json")
    refused(device, "not what was signed")


def test_mix_and_match_targets(device: UpdatedDevice, web: WebServer, old: ModelPublisher, new: ModelPublisher) -> None:
    """The list of files of one time with the snapshot of another."""
    web.folder = new.public
    shutil.copy(old.public / "metadata/1.targets.json", new.public / "metadata/2.targets.json")
    refused(device, "not what was signed")


def test_wrong_key(device: UpdatedDevice, web: WebServer, states: dict[str, ModelPublisher]) -> None:
    """A whole folder signed by somebody else."""
    web.folder = states["stranger"].public
    refused(device, "not signed by the keys in root.json")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_changed_document(device: UpdatedDevice, old: ModelPublisher, role: str) -> None:
    """One byte of any document."""
    path = old.public / "metadata" / ("timestamp.json" if role == "timestamp" else f"1.{role}.json")
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 7'))
    refused(device, "not signed by|not what was signed")


@pytest.mark.parametrize("path", [MODEL, INT8])
def test_arbitrary_software(device: UpdatedDevice, old: ModelPublisher, path: str) -> None:
    """Another file in the place of one that was signed, of the same length."""
    target = old.target(path)
    target.write_bytes(b"\x00" * target.stat().st_size)
    refused(device, "not what was signed")


def test_a_root_of_somebody_else(device: UpdatedDevice, old: ModelPublisher, states: dict[str, ModelPublisher]) -> None:
    """A newer root that the root before it has not signed."""
    root = states["stranger"].signed("1.root.json").signed
    root.version = 2
    sign(states["stranger"], root, "root", "x.json")
    shutil.copy(states["stranger"].public / "metadata/x.json", old.public / "metadata/2.root.json")
    refused(device, "not signed by the keys")


# Too much, too slow


def endless() -> Iterator[bytes]:
    return repeat(b"x" * 4096)


@pytest.mark.parametrize("path", ["/metadata/timestamp.json", "/metadata/2.root.json", MODEL, "int8.tflite"])
def test_endless_data(device: UpdatedDevice, web: WebServer, path: str) -> None:
    """Whatever never ends is left where it exceeds what was signed for."""
    web.instead = lambda asked: endless() if asked.endswith(path) else None
    refused(device, "more")
    assert web.sent < 20_000_000
    assert sum(found.stat().st_size for found in device.folder.rglob("*") if found.is_file()) < 1_000_000


def drip(web: WebServer) -> Iterator[bytes]:
    while not web.closing.wait(0.05):
        yield b" "


def silence(web: WebServer) -> Iterator[bytes]:
    web.closing.wait()
    yield b""


def test_slow_retrieval(device: UpdatedDevice, web: WebServer) -> None:
    """A byte now and then is not a download: a run as a whole has its time."""
    device.hasty(total=1.0)
    web.instead = lambda path: drip(web) if path.endswith("int8.tflite") else None
    refused(device, "too slow: not done within 1 s")


def test_slow_retrieval_of_nothing(device: UpdatedDevice, web: WebServer) -> None:
    """A server that accepts, and says nothing."""
    web.raw = lambda path: silence(web)
    refused(device, "too slow")


def test_slow_retrieval_of_headers(device: UpdatedDevice, web: WebServer) -> None:
    """Headers that never end, each in time: a run as a whole has its time, too."""
    device.hasty(total=0.5)
    web.raw = lambda path: chain([b"HTTP/1.1 200 OK\r\n"], drip(web))
    before = time.monotonic()
    refused(device, "not done within 0.5 s")
    assert time.monotonic() - before < 10


def test_a_file_that_is_too_short(device: UpdatedDevice, web: WebServer, old: ModelPublisher) -> None:
    """Less than was signed is nothing."""
    target = old.target(INT8)
    target.write_bytes(target.read_bytes()[:-1])
    refused(device, "not what was signed")


def test_a_file_that_is_too_long(device: UpdatedDevice, web: WebServer, old: ModelPublisher) -> None:
    """Nor is more."""
    target = old.target(INT8)
    target.write_bytes(target.read_bytes() + b"\x00")
    refused(device, "more comes than was signed")


@pytest.mark.slow
def test_extraneous_targets(device: UpdatedDevice, web: WebServer, old: ModelPublisher) -> None:
    """What is served, and signed, beside the model's own files is not even asked for."""
    publish_more(old, {"extra.bin": b"x" * 1000})
    assert device.update().changed
    assert not [path for path in web.asked if "extra" in path]


def publish_more(owner: ModelPublisher, more: dict[str, bytes]) -> None:
    repository = publish._Repository(owner.public, owner.keys, NOW)
    there = repository.documents["targets"].signed.targets
    repository.sign({path: owner.target(path).read_bytes() for path in there} | more, timedelta(days=365))


def test_a_file_that_is_not_signed(device: UpdatedDevice, old: ModelPublisher) -> None:
    """A model whose manifest names what was never signed."""
    repository = publish._Repository(old.public, old.keys, NOW)
    repository.sign({MODEL: old.target().read_bytes()}, timedelta(days=365))
    refused(device, "is not signed")


# Keys that change


@pytest.mark.slow
def test_new_keys_are_followed(device: UpdatedDevice, old: ModelPublisher) -> None:
    """A device with the first root file follows every change of either key, also when it misses some."""
    old.publish(rotate="publish")
    assert device.look().latest == "9.4.0"
    for which in ("root", "publish", "root"):
        old.publish(rotate=which)
    assert device.update().changed
    assert old.signed("5.root.json").signed.version == 5


def test_keys_that_were_lost(device: UpdatedDevice, web: WebServer, states: dict[str, ModelPublisher]) -> None:
    """Who has lost the root key begins anew, and brings each device another root file: then it believes that one."""
    assert device.look().latest == "9.4.0"
    web.folder = states["stranger"].public
    shutil.copy(states["stranger"].root, device.folder / "root.json")
    assert device.look().latest == "9.6.0"


def test_an_old_key_counts_no_more(device: UpdatedDevice, old: ModelPublisher) -> None:
    """After the change what the former key signs is not believed, though it was when it was signed."""
    thief = old.copy(old.folder.parent / "thief")
    old.publish(rotate="publish")
    device.look()
    timestamp = thief.signed("timestamp.json").signed
    timestamp.version = 9
    sign(thief, timestamp)
    shutil.copy(thief.public / "metadata/timestamp.json", old.public / "metadata/timestamp.json")
    refused(device, "not signed by the keys")
