"""Publishes models: writes a signed, static folder that any web server can serve.

    PUBLIC/metadata/   the four signed documents of The Update Framework: root, targets, snapshot, timestamp
    PUBLIC/targets/    the model: its manifest, under one fixed name, and the files that the manifest names
    KEYS/              two private keys and root.json; never served

The key `root` says which keys count. It is needed again only to change keys or after years; keep it on a stick in a
drawer. The key `publish` signs what is published. Needs the extra `updates`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from edge_daemon.errors import PublishError
from edge_daemon.inference.manifest import Manifest, decode, read_file
from edge_daemon.model_store.acceptance import accept_model
from edge_daemon.system import atomic
from edge_daemon.updates.client import MODEL, check_names

Key = Literal["root", "publish"]
SIGNED_BY: dict[str, Key] = {
    Root.type: "root", Targets.type: "publish", Snapshot.type: "publish", Timestamp.type: "publish"
}  # fmt: skip
"""Role (the kind of document) -> the key that signs it."""
ROOT_DAYS = 3650
"""Days that the root document is valid: as long as a small installation lives. Where the root key is present it is
renewed when less than a third of that is left."""
DAYS = 365
"""Days that published documents are valid: publishing once a year is enough."""


@dataclass(frozen=True, slots=True)
class Published:
    """The result of publishing."""

    model: str
    """Name and version of the model that is now the newest, such as digits@0.4.0."""
    until: datetime
    """From then on devices refuse it, unless it is published again."""
    root: Path
    """The file that each device needs, once."""
    new_keys: list[Path] = field(default_factory=list)


def publish(
    public: Path,
    keys: Path,
    manifest: Path | None = None,
    days: int = DAYS,
    rotate: Key | None = None,
    now: datetime | None = None,
) -> Published:
    """Make a model the newest; without `manifest` sign the present one again. The first time keys and folders are made.

    `rotate`: replace this key. The model is tried first, as devices will. If this is interrupted nothing is published:
    run it again. Raises PublishError, or ModelError.
    """
    try:
        return _publish(public, keys, manifest, days, rotate, now or datetime.now(UTC))
    except PublishError:
        raise
    except OSError as error:
        raise PublishError(f"{error.filename or public}: {error.strerror}; correct that, then run it again") from error


def _publish(
    public: Path, keys: Path, manifest: Path | None, days: int, rotate: Key | None, now: datetime
) -> Published:
    if public.resolve().is_relative_to(keys.resolve()) or keys.resolve().is_relative_to(public.resolve()):
        raise PublishError(f"{keys}: keep the keys apart from what is served, neither inside {public} nor around it")
    files = _model(manifest, public) if manifest else {}
    repository = _Repository(public, keys, now)
    if not repository.documents and not files:
        raise PublishError(f"{public}: nothing is published there yet; name the manifest of a model")
    if not repository.documents and (keys / "root.json").exists():
        raise PublishError(
            f"{keys} holds the keys of a repository that is not in {public}. Copy back what the web server has: devices"
            " refuse a repository that starts again. For a second repository name another folder with --keys"
        )
    new_keys = repository.renew_root(rotate)
    repository.sign(files, timedelta(days=days))
    model = decode(repository.target(MODEL), Manifest)
    return Published(f"{model.name}@{model.version}", repository.valid_until(), keys / "root.json", new_keys)


class _Repository:
    """The published folder: the newest document of each role, and the keys that are present."""

    def __init__(self, public: Path, keys: Path, now: datetime) -> None:
        """Raises PublishError where a document or a key is damaged."""
        self._metadata, self._targets, self._keys = public / "metadata", public / "targets", keys
        self._now = now.replace(microsecond=0)
        self.documents: dict[str, Metadata[Any]] = dict(filter(None, map(self._newest, SIGNED_BY)))
        """Role -> its newest document; empty before the first publication."""
        self._signers = _signers(keys)

    def renew_root(self, rotate: Key | None) -> list[Path]:
        """Write a new root document where one is needed: the first, with another key, or valid for longer.

        Returns the key files that were made. Raises PublishError.
        """
        for folder in (self._metadata, self._targets):
            folder.mkdir(parents=True, exist_ok=True)
        self._keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        first = Root.type not in self.documents
        root = Root(consistent_snapshot=True) if first else self._root
        old = list(root.roles[Root.type].keyids)
        have_key = first or any(keyid in self._signers for keyid in old)
        kinds: list[Key] = ["root", "publish"] if first else [rotate] if rotate else []
        if kinds and not have_key:
            raise PublishError(f"{self._keys} lacks the root key, root-*.pem; copy it there from where you store it")
        made = [self._replace_key(root, kind) for kind in kinds]
        if made or (have_key and root.expires < self._now + timedelta(days=ROOT_DAYS / 3)):
            root.version += not first
            root.expires = self._now + timedelta(days=ROOT_DAYS)
            # signed by the old key as well: devices accept a new root only if the root they know has signed it
            self._write(root, [*old, *root.roles[Root.type].keyids])
        atomic.write(self._keys / "root.json", self._path(self._root).read_bytes())
        return made

    def sign(self, files: dict[str, bytes], holds: timedelta) -> None:
        """Publish these files, path -> content; with none, those that are published already are signed again.

        Written in an order in which a device never sees half of it.
        """
        for path, content in files.items():
            atomic.write(self._targets / f"{TargetFile.from_data(path, content).hashes['sha256']}.{path}", content)
        there = {path: TargetFile.from_data(path, content) for path, content in files.items()}
        until = self._now + holds
        there = there or self.documents[Targets.type].signed.targets
        targets = Targets(self._next(Targets), expires=until, targets=there)
        meta = {"targets.json": self._listed(targets, self._write(targets))}
        snapshot = Snapshot(self._next(Snapshot), expires=until, meta=meta)
        listed = self._listed(snapshot, self._write(snapshot))
        self._write(Timestamp(self._next(Timestamp), expires=until, snapshot_meta=listed))

    def target(self, path: str) -> Path:
        """The path of the file that is served as this target."""
        found: TargetFile = self.documents[Targets.type].signed.targets[path]
        return self._targets / f"{found.hashes['sha256']}.{path}"

    def valid_until(self) -> datetime:
        """When the first of the documents expires."""
        first: datetime = min(document.signed.expires for document in self.documents.values())
        return first

    @property
    def _root(self) -> Root:
        found: Root = self.documents[Root.type].signed
        return found

    def _newest(self, role: str) -> tuple[str, Metadata[Any]] | None:
        versions = {int(path.name.split(".")[0]): path for path in self._metadata.glob(f"[0-9]*.{role}.json")}
        path = versions[max(versions)] if versions else self._metadata / f"{role}.json"
        try:
            return (role, Metadata.from_bytes(path.read_bytes())) if path.exists() else None
        except RepositoryError as error:
            raise PublishError(f"{path}: damaged ({error}); copy back what the web server has") from error

    def _next(self, role: type[Targets | Snapshot | Timestamp]) -> int:
        known = self.documents.get(role.type)
        return known.signed.version + 1 if known else 1

    def _write(self, signed: Any, keyids: list[str] | None = None) -> bytes:
        """Sign a document with the keys of its role and write it. Raises PublishError where no key is present."""
        document: Metadata[Any] = Metadata(signed)
        for keyid in keyids or self._root.roles[signed.type].keyids:
            if keyid in self._signers:
                document.sign(self._signers[keyid], append=True)
        if not document.signatures:
            raise PublishError(
                f"{self._keys} lacks the key that signs this, {SIGNED_BY[signed.type]}-*.pem; put it back, or replace"
                f" it: --rotate {SIGNED_BY[signed.type]}"
            )
        content = document.to_bytes(JSONSerializer(compact=False))
        atomic.write(self._path(signed), content)
        self.documents[signed.type] = document
        return content

    def _path(self, signed: Any) -> Path:
        """Where a document is served. The timestamp always has the same name: a device asks for it first."""
        name = f"{signed.type}.json" if signed.type == Timestamp.type else f"{signed.version}.{signed.type}.json"
        return self._metadata / name

    def _listed(self, signed: Any, content: bytes) -> MetaFile:
        """Length and hash of a document, so that nothing else can be served in its place."""
        return MetaFile.from_data(signed.version, content, ["sha256"])

    def _replace_key(self, root: Root, kind: Key) -> Path:
        """Make a new key, on the disk and readable by its owner only before it signs anything. Returns its file."""
        signer = CryptoSigner.generate_ed25519()
        keyid = signer.public_key.keyid
        path = self._keys / f"{kind}-{keyid[:8]}.pem"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(signer.private_bytes)
            file.flush()
            os.fsync(file.fileno())
        atomic.sync_folder(self._keys)
        self._signers[keyid] = signer
        for role in (role for role, key in SIGNED_BY.items() if key == kind):
            for former in list(root.roles[role].keyids):
                root.revoke_key(former, role)
            root.add_key(signer.public_key, role)
        return path


def _signers(keys: Path) -> dict[str, CryptoSigner]:
    """Key id -> signer, for all private keys in a folder. Raises PublishError."""
    found = {}
    for path in keys.glob("*.pem"):
        try:
            signer = CryptoSigner(load_pem_private_key(path.read_bytes(), None))
        except (OSError, ValueError, TypeError) as error:
            raise PublishError(f"{path}: not a readable private key ({error})") from error
        found[signer.public_key.keyid] = signer
    return found


def _model(manifest: Path, public: Path) -> dict[str, bytes]:
    """Target path -> content of a model, after it has been tried. Raises ModelError or PublishError."""
    facts, content = decode(manifest, Manifest), manifest.read_bytes()
    files = {file.name: read_file(manifest.parent, file) for file in facts.files.values()}
    check_names(facts)
    for path in (public / "targets").glob(f"*.{MODEL}"):
        earlier = decode(path, Manifest)
        if earlier.version == facts.version and path.read_bytes() != content:
            raise PublishError(f"{manifest}: another {facts.version} was published before; give this one a new version")
    accept_model(manifest)
    return files | {MODEL: content}
