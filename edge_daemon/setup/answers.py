"""A setup without questions: the answers stand in a file, in the words of the configuration.

[camera], [device] and [mqtt] are those of the configuration. Each [[field]] has `name`, and may have all other keys;
without `region` it takes the next number that is found, in reading order. What is left out is found. `password_file` is
read, and its password is stored as a credential.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_daemon.check.finding import Finding, Found, Level
from edge_daemon.config import file
from edge_daemon.errors import ConfigError
from edge_daemon.preview.field_editor import Draft
from edge_daemon.setup import aim, broker, camera, home_assistant, numbers, reading, start
from edge_daemon.setup.session import Session
from edge_daemon.system.credentials import read_password

Answers = dict[str, Any]
"""Section -> its keys; [mqtt] has `password` in place of `password_file`."""
SECTIONS = ("camera", "field", "device", "mqtt")
LOGIN = ("url", "username", "password")
"""Keys of [mqtt] that are answers of the step `broker`."""


def read(path: Path) -> Answers:
    """The answers in a file. The password is read now: the service's user may not be allowed to. Raises ConfigError."""
    try:
        answers = tomllib.loads(file.read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for section, keys in answers.items():
        if section not in SECTIONS or not isinstance(keys, list if section == "field" else dict):
            raise ConfigError(f"{path}: expected the sections [camera], [[field]], [device] and [mqtt]; got {section}")
    if name := answers.get("mqtt", {}).pop("password_file", ""):
        answers["mqtt"]["password"] = read_password(name)
    return answers


def follow(session: Session, answers: Answers) -> Iterator[Finding]:
    """Take all steps with these answers, up to the first that fails. Raises ConfigError or CameraError."""
    mqtt, device = answers.get("mqtt", {}), answers.get("device", {})
    steps: dict[str, Callable[[], Iterator[Found]]] = {
        "camera": lambda: camera.choose(session, answers.get("camera") or camera.cameras(session)[0].keys),
        "aim": lambda: aim.judge(session),
        "numbers": lambda: _numbers(session, answers.get("field", [])),
        "broker": lambda: _broker(session, mqtt),
        "home assistant": lambda: home_assistant.choose(
            session, device.get("id", session.draft.config.device), mqtt.get("home_assistant") != "off"
        ),
        "start": lambda: start.start(session),
        "reading": lambda: reading.first(session),
    }
    for step, take in steps.items():
        failed = False
        for finding in session.run(step, take()):
            yield finding
            failed = failed or finding.level is Level.FAIL
        if failed:
            return


def _numbers(session: Session, fields: list[Answers]) -> Iterator[Found]:
    found = iter(numbers.found(session))
    if not fields:
        drafts = [numbers.field(number, f"number-{i}") for i, number in enumerate(found, 1)]
        yield from numbers.choose(session, drafts)
        return
    drafts = []
    for keys in fields:
        if "region" in keys:
            drafts.append(Draft(keys))
            continue
        number = next(found, None)
        if number is None:
            remedy = "Light and aim the camera so that it is found; `edge-daemon preview` shows the picture."
            yield Level.FAIL, f"no number is found for the field {keys.get('name')}", remedy
            return
        drafts.append(Draft({"format": number.format, **keys}, None, number.region))
    yield from numbers.choose(session, drafts)


def _broker(session: Session, mqtt: Answers) -> Iterator[Found]:
    url = mqtt.get("url") or session.draft.config.mqtt.urls
    others = {key: value for key, value in mqtt.items() if key not in LOGIN}
    if others:
        session.draft.set("mqtt", others)
    yield from broker.log_in(session, url, mqtt.get("username", ""), mqtt.get("password"))
