"""Makes certificates for brokers with openssl, for any name and any time."""

from __future__ import annotations

import subprocess
from pathlib import Path

_CA = """
[ca]
default_ca = it
[it]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
policy = any
rand_serial = yes
x509_extensions = ext
[any]
commonName = supplied
[ext]
subjectAltName = DNS:{name}
"""
NOW = ("20200101000000Z", "20990101000000Z")
PAST = ("20200101000000Z", "20210101000000Z")
FUTURE = ("20980101000000Z", "20990101000000Z")


def certificate(folder: Path, name: str, valid: tuple[str, str] = NOW) -> tuple[Path, Path]:
    """A self-signed certificate for a host, valid from and until; and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    cert, key, request, config = (folder / f"{name}.{kind}" for kind in ("crt", "key", "csr", "cnf"))
    (folder / "index").write_text("")
    config.write_text(_CA.format(folder=folder, name=name))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl("req", "-new", *curve, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    sign: list[str | Path] = ["-config", config, "-batch", "-notext", "-selfsign", "-keyfile", key]
    _openssl("ca", *sign, "-in", request, "-out", cert, "-startdate", valid[0], "-enddate", valid[1])
    key.chmod(0o600)
    return cert, key


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
