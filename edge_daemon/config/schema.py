"""A TOML file -> Config. All problems are reported at once, each with file, line, section and key.

The keys of a section are the options of the room that uses them: a key exists exactly if some code uses it.
"""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_daemon.config.document import Document, Table, as_written, one_of, show, suggest
from edge_daemon.config.file import read_text
from edge_daemon.config.validators import CHECKS
from edge_daemon.decision.rules import FieldOptions, contradictions
from edge_daemon.delivery import outbox
from edge_daemon.fields.extract import Name
from edge_daemon.inference.options import AUTO, ForeignOptions, ModelOptions
from edge_daemon.mqtt import sink as mqtt
from edge_daemon.on_device import samples
from edge_daemon.second_opinion import budget
from edge_daemon.sources.kinds import KINDS, options_type
from edge_daemon.telemetry import exporters as health
from edge_daemon.updates import client

MACHINE_ID = Path("/etc/machine-id")
"""Differs on every installation of Linux."""


def default_device() -> str:
    """The host name and the end of the machine's id: copies of one SD card must not publish to the same topics."""
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-")[:57] or "edge"
    machine = MACHINE_ID.read_text().strip()[-6:] if MACHINE_ID.is_file() else ""
    return f"{host}-{machine}" if machine else host


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """[device]"""

    id: Name = dataclasses.field(default_factory=default_device)
    """The name of the device in its topics: edge_daemon/<id>/..."""


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """[camera]"""

    kind: str
    """One of sources.kinds.KINDS."""
    options: Any
    """The options of that kind."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration of a daemon."""

    device: str
    camera: CameraOptions
    fields: tuple[FieldOptions, ...]
    """Empty: the whole frame is searched."""
    model: ModelOptions
    mqtt: mqtt.MqttOptions
    outbox: outbox.OutboxOptions
    health: health.HealthOptions
    updates: client.UpdateOptions
    samples: samples.SampleOptions
    opinion: budget.SecondOpinionOptions
    written: Mapping[str, Any]
    """Section -> its keys as plain data, sizes, durations and rates as the file writes them; "fields" is a list of all
    [[field]]. Without [camera]."""


def load(path: Path | None) -> Config:
    """The configuration in a file (None: the defaults). Raises ConfigError, with all problems."""
    return parse(str(path), read_text(path)) if path else parse("defaults", "")


def parse(name: str, text: str) -> Config:
    """The configuration in a TOML text; problems call it `name`. Raises ConfigError, with all problems."""
    document = Document(name, text)
    _check_sections(document)
    camera, fields = _camera(document), tuple(_fields(document))
    filled = {section: _table(document, section, options) for section, options in TABLES.items()}
    _check_updates(document, filled["updates"], filled["model"])
    document.raise_problems()
    written = _written(document.tables, filled, fields)
    return Config(**filled | {"device": filled["device"].id, "camera": camera, "fields": fields, "written": written})


def _written(tables: Table, filled: Mapping[str, Any], fields: Sequence[FieldOptions]) -> dict[str, Any]:
    """See Config.written."""
    sections = {section: as_written(options, tables.get(section, {})) for section, options in filled.items()}
    return sections | {"fields": [as_written(*field) for field in zip(fields, tables.get("field", ()), strict=True)]}


# Sections

TABLES: Mapping[str, type[Any]] = {
    "device": DeviceOptions,
    "model": ModelOptions,
    "mqtt": mqtt.MqttOptions,
    "outbox": outbox.OutboxOptions,
    "health": health.HealthOptions,
    "updates": client.UpdateOptions,
    "samples": samples.SampleOptions,
    "opinion": budget.SecondOpinionOptions,
}
INNER: Mapping[str, tuple[str, type[Any]]] = {"model": ("foreign", ForeignOptions)}
"""Section -> name and options of the table inside it: [model.foreign]."""
SECTIONS = ("camera", "field", *TABLES)
"""All sections, as the file has them."""


def keys(options: type[Any]) -> list[str]:
    """The keys of a section, from its options."""
    return [field.name for field in dataclasses.fields(options)]


CAMERAS = {kind: options_type(kind) for kind in KINDS}
"""The values of [camera] source -> the options of that kind."""

HOMES = {key: "[camera]" for options in CAMERAS.values() for key in keys(options)}
HOMES |= dict.fromkeys(keys(FieldOptions), "[[field]]")
HOMES |= {key: f"[{section}]" for section, options in TABLES.items() for key in keys(options)}
HOMES |= {key: f"[{section}.{name}]" for section, (name, options) in INNER.items() for key in keys(options)}
"""Key -> its section, for a key that is found in another one."""
CAMERA_HOMES = HOMES | {key: f'source = "{kind}"' for kind, options in CAMERAS.items() for key in keys(options)}
"""The same for a key in [camera]: it may belong to another kind of camera."""


def _check_sections(document: Document) -> None:
    """Adds a problem for each section that is unknown, and each key outside of any section."""
    for key, value in document.tables.items():
        if key in SECTIONS:
            continue
        if isinstance(value, (dict, list)) and key not in HOMES:
            problem = f"expected one of {', '.join(SECTIONS)}; got an unknown section{suggest(key, SECTIONS)}"
        else:
            home = f". It belongs to {HOMES[key]}" if key in HOMES else ""
            problem = f"expected a [section] above the first key; got a key outside of any section{home}"
        document.add_problem((key,), problem)


def _table(document: Document, section: str, options: type[Any]) -> Any:
    """The options of a section, with those of the table inside it; None if there are problems."""
    table = document.tables.get(section, {})
    inner = INNER.get(section)
    filled = document.fill((section,), table, options, CHECKS.get(section, {}), HOMES, [inner[0]] if inner else [])
    if inner is None or filled is None:
        return filled
    name, inner_options = inner
    inner_filled = document.fill((section, name), table.get(name, {}), inner_options, {}, HOMES)
    return filled if inner_filled is None else dataclasses.replace(filled, **{name: inner_filled})


def _camera(document: Document) -> CameraOptions | None:
    """[camera]: its key `source` says which kind's options the others are."""
    table = document.tables.get("camera", {})
    if not isinstance(table, dict):
        document.add_problem(("camera",), f"expected a section [camera], in one bracket; got {show(table)}")
        return None
    kind = table.get("source", "picamera")
    if not isinstance(kind, str) or kind not in CAMERAS:
        hint = suggest(str(kind), CAMERAS)
        document.add_problem(("camera", "source"), f"expected {one_of(CAMERAS)}; got {show(kind)}{hint}")
        return None
    options = document.fill(("camera",), table, CAMERAS[kind], CHECKS["camera"], CAMERA_HOMES, ["source"])
    return CameraOptions(kind, options)


def _fields(document: Document) -> Iterator[FieldOptions]:
    """The options of each [[field]] without problems."""
    tables = document.tables.get("field", [])
    if not isinstance(tables, list):
        document.add_problem(("field",), "expected [[field]], in two brackets, for each field; got one bracket")
        return
    lines: dict[str, int] = {}
    for i, table in enumerate(tables):
        options = document.fill(("field", i), table, FieldOptions, CHECKS["field"], HOMES)
        if options is None:
            continue
        yield options
        for key, problem in contradictions(options):
            document.add_problem(("field", i, key), problem)
        line = document.line(("field", i, "name"))
        first = lines.setdefault(options.name, line)
        if first != line:
            problem = f"expected another name; got {show(options.name)}, the name in line {first}"
            document.add_problem(("field", i, "name"), problem)


def _check_updates(document: Document, updates: client.UpdateOptions | None, model: ModelOptions | None) -> None:
    """Adds a problem if models are updated that [model] does not run."""
    if updates and updates.url and model and model.path != AUTO:
        problem = f'expected [model] path = "{AUTO}" beside it, or no downloaded model runs'
        document.add_problem(("updates", "url"), f"{problem}; got {show(model.path)}")
