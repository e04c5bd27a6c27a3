"""scripts/install.sh as far as it goes without a machine to install on; scripts/rig install does the rest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.model_publisher import ModelPublisher

INSTALL = Path(__file__).parents[2] / "scripts/install.sh"


def install(
    tools: Path, *options: str, architecture: str = "arm64", python: str = "3.11", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """install.sh on a machine of that architecture and Python, and without picamera2. Nothing is installed."""
    scripts = {
        "dpkg": f"echo {architecture}",
        "systemctl": "exit 1",
        "apt-get": "echo apt-get was called; exit 1",
        "python3": f"""echo "$PWD $PYTHONSAFEPATH $(umask) $*" >> {tools}/python-calls
        case $* in
            *import\\ picamera2* | *import\\ ensurepip*) exit 1 ;;
            *version_info*\\<*) exit {int(python == "3.9")} ;;
            *version_info*) echo {python} ;;
            -I\\ -\\ *) exec {sys.executable} "$@" ;;
        esac""",
    }
    for name, script in scripts.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    return subprocess.run([INSTALL, *options], env=env, cwd=cwd, capture_output=True, text=True, check=False)


def test_dry_run_prints_every_step(tmp_path: Path) -> None:
    """Each step is told with its commands, and none is taken: apt-get, which would fail, is not called."""
    done = install(tmp_path, "--dry-run")
    assert done.returncode == 0, done.stderr
    steps = ("apt-get update", "python3-picamera2", "systemd-sysusers", "-m venv", "pip install", "selftest", "mv -T")
    assert [step for step in steps if step not in done.stderr] == []
    assert "was called" not in done.stdout + done.stderr


def test_modules_in_the_current_folder_are_not_imported(tmp_path: Path) -> None:
    """Called from a folder in which a stranger has put modules, the installer runs none of them as root.

    It works in /, and every Python that it starts is told not to import from the current folder; the flags of each
    are tried here in that folder.
    """
    planted, bundle = tmp_path / "planted", tmp_path / "bundle"
    (bundle / "wheels").mkdir(parents=True)
    (bundle / "for").write_text("python3.11-arm64\n")
    (bundle / "extras").write_text("preview updates\n")
    for name in ("pip-1.whl", "setuptools-1.whl"):
        (bundle / "wheels" / name).touch()
    for name in ("scripts", "edge_daemon", "models", "systemd", "pyproject.toml", "README.md", "LICENSE"):
        (bundle / name).symlink_to(INSTALL.parents[1] / name)
    planted.mkdir()
    for name in ("venv", "pip", "zipfile"):
        (planted / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    for options in ([], ["--offline", "../bundle", "--unsigned"]):
        done = install(tmp_path, "--dry-run", *options, cwd=planted)
        assert done.returncode == 0, done.stderr
        started = re.findall(r"python3?((?: -\w)*) -m (venv|pip|zipfile)", done.stderr)
        assert {module for _, module in started} >= {"venv", "pip"}
        for flags, module in started:
            command = [sys.executable, *flags.split(), "-m", module, "--help"]
            subprocess.run(command, cwd=planted, env={}, capture_output=True, check=False)
            assert not (tmp_path / "ran").exists(), f"{module} with {flags}"
    calls = (tmp_path / "python-calls").read_text().splitlines()
    assert [call for call in calls if not call.startswith("/ 1 0022 -I")] == []


def test_the_programs_are_on_the_disk_before_they_are_used(tmp_path: Path) -> None:
    """A power cut leaves the old version or the new one: files are synced before `complete` and before the link."""
    printed = install(tmp_path, "--dry-run").stderr
    first, second = (match.start() for match in re.finditer(r"\bsync -f", printed))
    assert printed.index("chmod -R") < first < printed.index("touch") < second < printed.index("mv -T")


def test_dry_run_of_a_removal(tmp_path: Path) -> None:
    """What would be removed is told, also by commands whose own complaints are not; nothing is said to be gone."""
    done = install(tmp_path, "--dry-run", "--uninstall", "--purge")
    assert done.returncode == 0, done.stderr
    assert "rmdir -p" in done.stderr
    assert "rm -rf /etc/edge-daemon" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert "are left" not in done.stderr


def test_a_new_version_shares_the_libraries(tmp_path: Path) -> None:
    """They are the same files, not written once more; what is replaced in the new version stays in the old one.

    Of an older installation, pip and setuptools are left out.
    """
    used, fresh = tmp_path / "versions/1", tmp_path / "versions/2"
    libraries = Path(f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")
    (used / libraries).mkdir(parents=True)
    (used / libraries / "numpy.py").write_text("old")
    for tool in ("pip", "pip-23.0.1.dist-info", "setuptools", "_distutils_hack"):
        (used / libraries / tool).mkdir()
    (used / libraries / "distutils-precedence.pth").touch()
    (tmp_path / "current").symlink_to("versions/1")
    command = f'. {INSTALL.parent}/install/steps.sh; opt="{tmp_path}"; share_libraries "{fresh}"'
    subprocess.run(["bash", "-euc", command], check=True)
    assert (fresh / libraries / "numpy.py").samefile(used / libraries / "numpy.py")
    assert [path.name for path in (fresh / libraries).iterdir()] == ["numpy.py"]
    (tmp_path / "new").write_text("new")
    (tmp_path / "new").replace(fresh / libraries / "numpy.py")  # as pip does
    assert (used / libraries / "numpy.py").read_text() == "old"


def test_extras_are_asked_for_by_name(tmp_path: Path) -> None:
    """They are part of what is installed, so that another choice is another version; an unknown one is refused."""
    done = install(tmp_path, "--dry-run", "--with", "preview,updates")
    assert "-py3.11-preview-updates" in done.stderr
    done = install(tmp_path, "--dry-run", "--with", "preview,lights")
    assert done.returncode == 2
    assert "lights: known are preview" in done.stderr


@pytest.mark.parametrize("architecture", ["armhf", "armel", "i386"])
def test_32_bits_are_refused(tmp_path: Path, architecture: str) -> None:
    """A sentence says why, and what to do instead."""
    done = install(tmp_path, "--dry-run", architecture=architecture)
    assert done.returncode == 1
    assert f"32 bits ({architecture})" in done.stderr
    assert "Raspberry Pi OS (64-bit)" in done.stderr


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    """It names the system that has a newer one."""
    done = install(tmp_path, "--dry-run", python="3.9")
    assert done.returncode == 1
    assert "Bookworm" in done.stderr


def test_a_bundle_for_another_system_is_refused(tmp_path: Path) -> None:
    """A bundle made for another Python or processor says so before anything is done."""
    bundle = tmp_path / "bundle"
    (bundle / "wheels").mkdir(parents=True)
    (bundle / "for").write_text("python3.13-arm64\n")
    (bundle / "scripts").symlink_to(INSTALL.parent)
    (bundle / "edge_daemon").mkdir()
    done = install(tmp_path, "--dry-run", "--offline", str(bundle), "--unsigned")
    assert done.returncode == 1
    assert "python3.13-arm64" in done.stderr


def small_bundle(folder: Path, made: str = "2026-11-30T12:00:00Z") -> Path:
    """A bundle without libraries for the machine of `install`."""
    content = folder / "content"
    for name in ("wheels", "models"):
        (content / name).mkdir(parents=True)
    (content / "for").write_text("python3.11-arm64\n")
    (content / "extras").write_text("preview updates\n")
    (content / "made").write_text(f"{made}\n")
    for name in ("pip-1.whl", "setuptools-1.whl"):
        (content / "wheels" / name).touch()
    bundle = folder / "bundle.tar.gz"
    with tarfile.open(bundle, "w:gz") as archive:
        archive.add(content, "bundle")
        for name in ("scripts/install.sh", "scripts/install", "systemd", "pyproject.toml", "edge_daemon/__init__.py"):
            archive.add(INSTALL.parents[1] / name, f"bundle/{name}")
    return bundle


def sign(bundle: Path, key: Path) -> None:
    """As scripts/bundle does."""
    command = f"openssl pkeyutl -sign -rawin -inkey {key} -in {bundle} -out {bundle}.sig"
    subprocess.run(command.split(), check=True)


def test_a_signed_bundle_is_installed(tmp_path: Path, published: ModelPublisher) -> None:
    """The key that signs models signs bundles: devices that have its root.json accept both."""
    bundle = small_bundle(tmp_path)
    [key] = published.keys.glob("publish-*.pem")
    sign(bundle, key)
    trust = ["--trust", str(published.root)]
    done = install(tmp_path, "--dry-run", "--offline", str(bundle), *trust)
    assert done.returncode == 0, done.stderr
    assert "selftest" in done.stderr
    public = tmp_path / "public.pem"
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    done = install(tmp_path, "--dry-run", "--offline", str(bundle), "--trust", str(public))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("unsigned", "bundle.tar.gz.sig is missing"),
        ("changed", "no key in .* has signed"),
        ("another key", "no key in .* has signed"),
        ("the root key", "no key in .* has signed"),
        ("no keys here", "there is no .*none.json"),
        ("no root file", "neither a root.json nor a public key"),
        ("a folder", "only a .tar.gz can be signed"),
    ],
)
def test_other_bundles_are_refused_unless_told(tmp_path: Path, published: ModelPublisher, spoil: str, why: str) -> None:
    """Nothing of them is run; with --unsigned they are installed."""
    bundle, trust = small_bundle(tmp_path), published.root
    [key], [root] = published.keys.glob("publish-*.pem"), published.keys.glob("root-*.pem")
    if spoil == "another key":
        key = tmp_path / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    sign(bundle, root if spoil == "the root key" else key)
    if spoil == "unsigned":
        Path(f"{bundle}.sig").unlink()
    elif spoil == "changed":
        bundle.write_bytes(bundle.read_bytes() + b"\0")
    elif spoil == "no keys here":
        trust = tmp_path / "none.json"
    elif spoil == "no root file":
        trust = tmp_path / "root.json"
        trust.write_text('{"signed": {}}')
    elif spoil == "a folder":
        with tarfile.open(bundle) as archive:
            archive.extractall(tmp_path, filter="data")
        bundle = tmp_path / "bundle"
    options = ["--dry-run", "--offline", str(bundle), "--trust", str(trust)]
    done = install(tmp_path, *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)
    assert re.search(why, done.stderr)
    done = install(tmp_path, *options, "--unsigned")
    assert done.returncode == 0, done.stderr


def test_an_extra_that_a_bundle_does_not_have(tmp_path: Path) -> None:
    """Before anything is done, it says what to do; extras that are in the bundle are installed from it."""
    bundle = ["--dry-run", "--offline", str(small_bundle(tmp_path)), "--unsigned"]
    done = install(tmp_path, *bundle, "--with", "preview,opinion")
    assert done.returncode == 1
    assert "opinion is not part of this bundle, which has: preview updates." in done.stderr
    assert "scripts/bundle --with opinion" in done.stderr
    assert "the user" not in done.stderr
    done = install(tmp_path, *bundle, "--with", "preview,updates")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("its", "ours", "older"),
    [
        ("2026-11-30T12:00:00Z", "2026-12-01T08:00:00Z", True),
        ("", "2026-12-01T08:00:00Z", True),
        ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z", False),
        ("2026-12-02T08:00:00Z", "2026-12-01T08:00:00Z", False),
        ("2026-12-02T08:00:00Z", "", False),
        ("", "", False),
    ],
)
def test_a_bundle_from_before_the_installed_one(tmp_path: Path, its: str, ours: str, older: bool) -> None:
    """An attacker cannot lay an old signed bundle, with its old weaknesses, before an installed newer version."""
    bundle, opt = tmp_path / "bundle.tar.gz", tmp_path / "opt"
    for place, made in ((tmp_path / "new", its), (opt / "current", ours)):
        place.mkdir(parents=True)
        if made:
            (place / "made").write_text(f"{made}\n")
    command = f'. {INSTALL.parent}/install/steps.sh; opt="{opt}" older=$1; check_age "{bundle}" "{tmp_path}/new"'
    done = subprocess.run(["bash", "-euc", command, "-", ""], capture_output=True, text=True, check=False)
    assert (done.returncode == 1, "is older than what is installed" in done.stderr) == (older, older), done.stderr
    subprocess.run(["bash", "-euc", command, "-", "yes"], check=True)


@pytest.mark.parametrize("options", [["--purge"], ["--upgarde"]])
def test_wrong_usage_is_told(tmp_path: Path, options: list[str]) -> None:
    """An option that is unknown, or makes no sense alone, ends with 2 and its name."""
    done = install(tmp_path, *options)
    assert done.returncode == 2
    assert options[0] in done.stderr


def test_help_is_the_head_of_the_file(tmp_path: Path) -> None:
    """--help explains every option that the script knows."""
    done = install(tmp_path, "--help")
    assert done.returncode == 0
    options = "--upgrade --uninstall --purge --offline --trust --unsigned --older --with --coral --dry-run"
    assert [option for option in options.split() if option not in done.stdout] == []
