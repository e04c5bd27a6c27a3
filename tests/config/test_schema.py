"""The keys of a configuration, and what is reported of a wrong one."""

from __future__ import annotations

import os
import pwd
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge_daemon import app
from edge_daemon.cli import main
from edge_daemon.config import schema  # app: nobody may not read it later
from edge_daemon.config.schema import CameraOptions, Config, load, parse
from edge_daemon.errors import ConfigError
from edge_daemon.mqtt.address import resolve
from edge_daemon.sources.kinds import KINDS, options_type
from edge_daemon.system.folders import state_folder
from tests.support.certificates import certificate

DEFAULT = files("edge_daemon").joinpath("default.toml").read_text(encoding="utf-8")
FIELD = '[[field]]\nname = "units"\nregion = [0.1, 0.2, 0.5, 0.25]\n'


def problems(text: str) -> list[str]:
    """The problems of a configuration, a line each, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        parse("c.toml", text)
    assert caught.value.exit_code == 78
    return [line.removeprefix("c.toml:") for line in str(caught.value).split("\n")]


# What is right


def test_defaults() -> None:
    """Without a file: the Pi camera, the broker on this machine, the whole frame."""
    defaults = load(None)
    assert defaults.camera == CameraOptions("picamera", options_type("picamera")())
    assert defaults.fields == ()
    assert defaults.mqtt.url == "mqtt://localhost:1883"


def test_a_full_file(tmp_path: Path) -> None:
    """Each section becomes its own type."""
    (tmp_path / "c.toml").write_text(
        '[device]\nid = "dock3"\n[camera]\nsource = "simulated"\nseed = 7\n'
        + FIELD
        + 'format = "##??"\ntext = true\n[[field]]\nname = "other"\nregion = [[0, 0], [9, 1], [9, 5], [0, 5]]\n'
        '[mqtt]\nurl = "mqtts://broker"\n[outbox]\nmax_age = "12h"\n'
    )
    read = load(tmp_path / "c.toml")
    assert read.device == "dock3"
    assert (read.camera.kind, read.camera.options.seed) == ("simulated", 7)
    assert [field.name for field in read.fields] == ["units", "other"]
    assert read.fields[0].text
    assert read.fields[1].region == ((0, 0), (9, 1), (9, 5), (0, 5))
    assert read.outbox.max_age == 12 * 3600
    assert read.written["outbox"]["max_age"] == "12h"


def test_default_device_names_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Host name and the end of the machine's id, made to fit a topic; without an id the host name alone."""
    monkeypatch.setattr(socket, "gethostname", lambda: "gauge #3.factory.example" + "e" * 80)
    monkeypatch.setattr(schema, "MACHINE_ID", tmp_path / "machine-id")
    assert re.fullmatch(r"gauge-3-factory-example-?e+", schema.default_device())
    (tmp_path / "machine-id").write_text("0123456789abcdef\n")
    name = schema.default_device()
    assert name.startswith("gauge-3-factory")
    assert name.endswith("-abcdef")
    assert len(name) == 64


def test_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's folder when there is one, also when it made several."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert state_folder() == Path("/var/lib/a")
    monkeypatch.delenv("STATE_DIRECTORY")
    assert state_folder().name == "edge-daemon"


# default.toml


def uncommented(kind: str) -> str:
    """default.toml with every key uncommented, and of the cameras only this one."""
    text = re.sub(r"(?m)^#(?=[\[a-z])", "", DEFAULT)
    sections = re.split(r"(?m)^(?=\[)", text)
    return "".join(part for part in sections if not part.startswith("[camera]") or f'source = "{kind}"' in part)


def test_default_toml_as_it_stands_is_the_default() -> None:
    """A person who starts with it has the same configuration as without any."""
    assert parse("default.toml", DEFAULT) == load(None)


@pytest.mark.parametrize("kind", KINDS)
def test_default_toml_uncommented_has_the_defaults(kind: str) -> None:
    """Every key of every type is in it, with its default; an example if it has none."""
    read = parse("default.toml", uncommented(kind))
    assert read.camera.kind == kind
    assert_defaults(read.camera.options, uncommented(kind))
    for section in (read.model, read.model.foreign, read.mqtt, read.outbox, *read.fields):
        assert_defaults(section, uncommented(kind))
    assert len(read.fields) == 1
    assert "\nid = " in uncommented(kind)


def assert_defaults(options: Any, text: str) -> None:
    for key in fields(options):
        if is_dataclass(getattr(options, key.name)):  # a table inside, which has keys of its own
            continue
        assert re.search(rf"(?m)^{key.name} = ", text), f"{key.name} is not in default.toml"
        if key.default is not MISSING and key.default is not None:  # None cannot be written: an example stands there
            assert getattr(options, key.name) == key.default, f"{key.name} is not its default"


def test_default_toml_explains_every_key() -> None:
    """Above each key stands a comment of at least one sentence."""
    lines = DEFAULT.split("\n")
    for above, line in pairwise(lines):
        if re.match(r"#?[a-z_]+ = ", line):
            assert re.match(r"# .*\S", above), f"no comment above {line!r}"


# What is wrong

WRONG = [
    ('[camera]\nsource = "picamra"\n', '2: [camera] source: expected "picamera", ', "Did you mean picamera?"),
    ("[camera]\nsource = 5\n", "2: [camera] source: expected ", "; got 5"),
    ("[camera]\nseed = 5\n", "2: [camera] seed: expected one of ", 'It belongs to source = "simulated"'),
    ('[camera]\nsouce = "files"\n', "2: [camera] souce: expected one of ", "Did you mean source?"),
    ("[camera]\nsise = [5, 5]\n", "2: [camera] sise: expected one of ", "Did you mean size?"),
    ("[mqt]\n", "1: [mqt]: expected one of camera, field, device,", "Did you mean mqtt?"),
    ("[mqtt]\nmax_age = 5\n", "2: [mqtt] max_age: expected one of ", "It belongs to [outbox]"),
    ("\nseed = 5\n", "2: seed: expected a [section] above", "It belongs to [camera]"),
    ("nonsense = 5\n", "1: nonsense: expected a [section] above", "outside of any section"),
    ("[[camera]]\n", "1: [[camera]]: expected a section [camera], in one bracket", "got a list of tables"),
    ("mqtt = 5\n", "1: mqtt: expected a section [mqtt]", "got 5"),
    ('[field]\nname = "x"\n', "1: [field]: expected [[field]], in two brackets", "got one"),
    ("field = [5]\n", "1: field: expected a section", "got 5"),
    ('[[field]]\nname = "x"\n', "1: [[field]] region: expected [x, y, width, height]", "it is needed"),
    (FIELD + 'format = "##x#"\n', "4: [[field]] format: expected up to 32 of", 'got "##x#"'),
    (FIELD + 'format = "#?:#?"\n', '4: [[field]] format: expected "?" on one side', 'got "#?:#?"'),
    (FIELD + 'format = "^(#"\n', "4: [[field]] format: expected a regular expression", 'got "^(#"'),
    (FIELD + 'format = "-.#"\n', "4: [[field]] format: expected at least one \"#\" before", 'got "-.#"'),
    (FIELD + 'format = "#,###"\n', '4: [[field]] format: expected "#.###" if the comma is a decimal', "either"),
    (FIELD + 'format = "-?#,###"\n', '4: [[field]] format: expected "-?#.###" if the comma', 'or "-?####" if it sep'),
    (FIELD + 'format = "#.###,##"\n', "4: [[field]] format: expected text = true beside it", "is no number"),
    (FIELD + 'format = "##:##"\n', "4: [[field]] format: expected text = true beside it", "is no number"),
    (FIELD + "min = 9\nmax = 3\n", "5: [[field]] max: expected at least min, 9", "got 3"),
    (FIELD + "wrap = true\n", '4: [[field]] wrap: expected a format without "?"', "none to roll over from"),
    (FIELD + "text = true\nmonotone = true\n", "5: [[field]] monotone: expected a field that holds", "no value"),
    (FIELD + 'max_rate = "100"\n', '4: [[field]] max_rate: expected a rate like "100/h"', 'got "100"'),
    (FIELD + "deadband = -1\n", "4: [[field]] deadband: expected a number, at least 0", "got -1"),
    (FIELD + 'settle = "2 parsecs"\n', "4: [[field]] settle: expected a duration like", 'got "2 parsecs"'),
    (FIELD + "settle = 2\n", '4: [[field]] settle: expected text in quotes, like "2s"', "got 2"),
    (FIELD + "rotation = 45\n", "4: [[field]] rotation: expected 0, 90, 180 or 270", "got 45"),
    (FIELD + "mim = 3\n", "4: [[field]] mim: expected one of", "got an unknown key"),
    (FIELD + FIELD, "5: [[field]] name: expected another name", 'got "units", the name in line 2'),
    ('[outbox]\nmax_age = "0s"\n', '2: [outbox] max_age: expected a duration like', 'from "1m" to "3650d"'),
    ('[outbox]\nmax_age = "' + "9" * 900 + 'd"\n', '2: [outbox] max_age: expected a duration', "(903 char"),
    ('[outbox]\nmax_size = "64"\n', "2: [outbox] max_size: expected a size like", 'got "64"'),
    ('[outbox]\nmax_size = "' + "9" * 900 + 'GB"\n', "2: [outbox] max_size: expected a size", "(904 char"),
    ('[updates]\nurl = "ftp://h/models"\n', '2: [updates] url: expected "https://HOST/FOLDER"', 'got "ftp://h"'),
    ('[updates]\nurl = "https://"\n', '2: [updates] url: expected "https://HOST/FOLDER"', 'got "https://"'),
    ('[updates]\nevery = "5s"\n', '2: [updates] every: expected a duration like', 'got "5s"'),
    ('[model]\nlabels = "a"\n', "2: [model] labels: expected one of", "It belongs to [model.foreign]"),
    ('[model.foreign]\nink = "blue"\n', '2: [model.foreign] ink: expected "auto", "light" or "dark"', '"blue"'),
    ('[model.foreign]\npath = "a"\n', "2: [model.foreign] path: expected one of", "It belongs to [model]"),
    ('[model]\nforeign = 3\n', "2: [model] foreign: expected a section [model.foreign]", "3"),
    ('[model]\npath = "bundled"\n[updates]\nurl = "http://h"\n', "4: [updates] url: expected [model] path", "bundled"),
    ('[mqtt]\nurl = "mqtt://h:0"\n', '2: [mqtt] url: expected "mqtt://HOST:PORT"', "h:0"),
    ('[mqtt]\nurl = " mqtt://h"\n', '2: [mqtt] url: expected "mqtt://HOST:PORT"', '" mqtt://h"'),
    ('[updates]\nurl = "http://h "\n', '2: [updates] url: expected "https://HOST/FOLDER"', "without blanks"),
    ('\n\n[[camera]]\nsource = "v4l2"\n', "3: [[camera]]: expected a section [camera], in one bracket", "list"),
    ('\n[[fields]]\nname = "a"\n[[fields]]\n', "2: [[fields]]: expected one of", "Did you mean field?"),
    ('[mqtt]\nurl = "broker"\n', '2: [mqtt] url: expected "mqtt://HOST:PORT"', 'got "broker"'),
    ('[mqtt]\nurl = "mqtt://h:99999"\n', '2: [mqtt] url: expected "mqtt://HOST:PORT"', "99999"),
    ('[mqtt]\nurl = ["mqtt://h", "http://h"]\n', '2: [mqtt] url: expected "mqtt://HOST:PORT"', "http"),
    ("[mqtt]\nurl = []\n", "2: [mqtt] url: expected a url in quotes, or a list", "got []"),
    ("[mqtt]\nurl = 7\n", "2: [mqtt] url: expected a url in quotes, or a list", "got 7"),
    ('[mqtt]\nurl = ["mqtt://h", "mqtt://h"]\n', "2: [mqtt] url: expected each url once", "mqtt://h"),
    ('[mqtt]\nurl = "http://h"\n', '2: [mqtt] url: expected "mqtt://HOST:PORT"', "http"),
    ('[mqtt]\nca_file = "/nowhere"\n', "2: [mqtt] ca_file: expected a readable file", 'got "/nowhere"'),
    ('[mqtt]\ndetail = "digit"\n', '2: [mqtt] detail: expected "value", "cand', "Did you mean digits?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "inside"), WRONG)
def test_a_wrong_configuration_is_reported(text: str, start: str, inside: str) -> None:
    """Line, section and key, what is allowed, what was there, and what was probably meant."""
    [problem] = problems(text)
    assert problem.startswith(start)
    assert inside in problem


@pytest.mark.parametrize("name", ["a/#", "+", "../x", "", "a" * 65, "a" * 70_000, "a\\u0000", "a\\n", "Größe"])
def test_names_fit_topics(name: str) -> None:
    """A name with characters that have a meaning in topics or paths is refused, in a short line."""
    for text in (f'[device]\nid = "{name}"\n', f'[[field]]\nname = "{name}"\nregion = [0, 0, 1, 1]\n'):
        [problem] = problems(text)
        assert "expected 1 to 64 of A-Z a-z 0-9 _ -, in quotes" in problem
        assert len(problem) < 200


REGIONS = [
    ("[0, 0, 0, 1]", "expected [x, y, width, height], or four corners clockwise"),
    ("[[0, 0], [0, 1], [1, 1], [1, 0]]", "expected [x, y, width, height], or four corners clockwise"),
    ("[[0, 0], [1, 1], [1, 0], [0, 1]]", "expected [x, y, width, height], or four corners clockwise"),
    ("[-1, 0, 5, 5]", "expected nothing below 0"),
    ("[0.1, 5, 300, 20]", "expected either all fractions"),
    ("[0, 0, 1]", "expected [x, y, width, height]"),
    ("[[0, 0], [1, 1]]", "expected [x, y, width, height]"),
    ("[0, 0, nan, 1]", "expected [x, y, width, height]"),
    ("[0, 0, inf, 1]", "expected [x, y, width, height]"),
    ('"all"', "expected [x, y, width, height]"),
]


@pytest.mark.parametrize(("region", "expected"), REGIONS)
def test_regions_that_hold_nothing(region: str, expected: str) -> None:
    """A region without an inside, inside out, or in two units at once is refused."""
    [problem] = problems(f'[[field]]\nname = "x"\nregion = {region}\n')
    assert problem.startswith("3: [[field]] region: ")
    assert expected in problem


def test_all_problems_are_reported_at_once() -> None:
    """Five mistakes in five sections are five lines, in the order of the file."""
    found = problems(
        '[device]\nid = "a b"\n[camera]\nsource = "x"\n[[field]]\n'
        'name = "f"\n[mqtt]\nurl = ""\n[outbox]\nmax_age = "x"\n'
    )
    assert [line.split(":")[0] for line in found] == ["2", "4", "5", "8", "10"]


def test_a_login_in_the_url_is_refused_and_not_repeated() -> None:
    """The message says where the login goes, without the password."""
    for url in ("mqtt://me:hunter2@host", "me:hunter2@host", "mqtt://me:hunt/er2@host:1"):
        [problem] = problems(f'[mqtt]\nurl = "{url}"\n')
        assert "username" in problem
        assert "hunt" not in problem


@pytest.mark.parametrize(("source", "key"), [("files", "path"), ("v4l2", "device")])
def test_a_url_in_place_of_a_path_is_refused_and_not_repeated(source: str, key: str) -> None:
    """It may hold a login, and the errors of these cameras name their path."""
    [problem] = problems(f'[camera]\nsource = "{source}"\n{key} = "rtsp://cam/1?pwd=hunter2"\n')
    assert problem.endswith('is the "url" of source = "stream"; got "rtsp://cam"')


@pytest.mark.parametrize("end", ["?pwd=hunter2", "#hunter2", "/hunter2"])
def test_nothing_follows_the_address_of_the_broker(end: str) -> None:
    """A secret may stand in a query or fragment, and the broker ignores both: they are refused, and not repeated."""
    [problem] = problems(f'[mqtt]\nurl = "mqtt://host:1883{end}"\n')
    assert problem.endswith('and no more; got "mqtt://host:1883"')


def test_password_files(tmp_path: Path) -> None:
    """A password file must exist and not be readable for everybody; its name is not repeated."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    [problem] = problems(f'[mqtt]\npassword_file = "{secret}"\n')
    assert "expected a file that only the daemon can read (chmod 600" in problem
    secret.chmod(0o600)
    assert parse("c.toml", f'[mqtt]\npassword_file = "{secret}"\n').mqtt.password_file == str(secret)
    [problem] = problems('[mqtt]\npassword_file = "hunter2"\n')
    assert "expected a readable file that holds the password" in problem
    assert "hunter2" not in problem


def test_why_a_password_file_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a folder and a file that is not UTF-8 are told apart; ~ is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "latin").write_bytes(b"x" * 10_000 + "größer".encode("latin-1"))
    for name, why in (("none", "No such file"), (".", "Is a directory"), ("latin", "it has other bytes")):
        [problem] = problems(f'[mqtt]\npassword_file = "{tmp_path}/{name}"\n')
        assert f"the password, in UTF-8 ({why}" in problem
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    (tmp_path / "secret").chmod(0o600)
    config = parse("c.toml", '[mqtt]\npassword_file = "~/secret"\n')
    assert resolve(config.mqtt).password == "hunter2"
    [problem] = problems('[mqtt]\npassword_file = "~nobody-of-that-name/secret"\n')
    assert "home" in problem


@pytest.mark.parametrize("key", ["password_file", "key_file", "cert_file", "ca_file"])
def test_a_secret_that_is_no_file(tmp_path: Path, key: str) -> None:
    """A FIFO or a device is refused at once: to read it would never end."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(ConfigError, match=rf"\[mqtt\] {key}: expected a readable file"):
            parse("c.toml", f'[mqtt]\nurl = "mqtts://h"\n{key} = "{path}"\n')


def test_certificates(tmp_path: Path) -> None:
    """Our certificate must be PEM, and its key readable for the daemon alone."""
    cert, key = certificate(tmp_path, "dock3")
    assert parse("c.toml", f'[mqtt]\ncert_file = "{cert}"\nkey_file = "{key}"\n').mqtt.key_file == str(key)
    [problem] = problems(f'[mqtt]\ncert_file = "{tmp_path / "nothing"}"\n')
    assert "expected a readable file in PEM form" in problem
    key.chmod(0o644)
    [problem] = problems(f'[mqtt]\nkey_file = "{key}"\n')
    assert "chmod 600" in problem


# The file itself


def error_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


FILES = [
    (b"\xef\xbb\xbf[camera]\n", ":1: expected UTF-8 without a byte order mark"),
    ("[mqtt]\n# größer\n".encode("latin-1"), ":2: expected UTF-8; got the byte 0xf6"),
    ("[mqtt]\n".encode("utf-16"), ":1: expected UTF-8; got the byte 0xff"),
    (b"[mqtt]\n\x00\n", ":2: [mqtt]: not valid TOML: Invalid statement"),
    (b"#" * 300_000, ": expected at most 256 KB"),
]


@pytest.mark.parametrize(("content", "expected"), FILES)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, expected: str) -> None:
    """Byte order mark, other encodings, binary, too large: reported with the name of the file."""
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    assert error_of(path).startswith(f"{path}{expected}")


def test_tabs_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    """White space of other editors is accepted."""
    (tmp_path / "c.toml").write_bytes(b"[camera]\r\n\tsource\t=\t'simulated'\r\n")
    assert load(tmp_path / "c.toml").camera.kind == "simulated"


def test_files_that_are_none(tmp_path: Path) -> None:
    """Missing, a directory, inside a file: reported as what it is, with the command that makes a new one."""
    missing = tmp_path / "c.toml"
    assert f"edge-daemon config > {missing}" in error_of(missing)
    assert "got a directory" in error_of(tmp_path)
    missing.write_text("")
    assert "expected a readable file; got: Not a directory" in error_of(missing / "x")
    assert "File name too long" in error_of(tmp_path / ("x" * 5000))


def test_a_file_that_may_not_be_read(nobody: Path) -> None:
    """The error names the user, the file or the folder above it, and the command that gives permission."""
    path = nobody / "c.toml"
    path.touch(0o000)
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert f"a file that the user {user} may read; {path} does not allow it. As root: chgrp " in error_of(path)
    nobody.chmod(0o600)
    assert f"{nobody} does not allow it" in error_of(path)
    assert f"chmod g+x {nobody}" in error_of(path)


def test_a_file_that_may_not_be_read_ends_the_daemon_for_good(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`edge-daemon run` ends with 78, after which systemd does not restart it."""
    path = nobody / "c.toml"
    path.touch(0o000)
    monkeypatch.setenv("STATE_DIRECTORY", str(nobody))
    assert app
    monkeypatch.setattr(sys, "argv", ["edge-daemon", "run", "--config", str(path)])
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 78


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of an unprivileged user: root becomes nobody during the test."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        if root:
            os.chown(name, 65534, 65534)
            os.setegid(65534)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)
                os.setegid(0)


def test_config_has_every_section() -> None:
    """Config holds what each section says, once as values and once as it is written, and nothing else."""
    assert {field.name for field in fields(Config)} == {*schema.SECTIONS} - {"field"} | {"fields", "written"}
