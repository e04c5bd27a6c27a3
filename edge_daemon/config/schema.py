"""A TOML file -> Config. What is wrong is told all at once, each with file, line, section and key.

The tables and their keys are the adapters' own Options: a key exists exactly when some code uses it.
"""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_daemon.config.document import Document, as_written, one_of, show, suggest
from edge_daemon.config.file import text_of
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


def default_device() -> str:
    """This machine's name and the end of its id: two cloned SD cards must not meet on one topic."""
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-")[:57] or "edge"
    machine = MACHINE_ID.read_text().strip()[-6:] if MACHINE_ID.is_file() else ""
    return f"{host}-{machine}" if machine else host


@dataclass(frozen=True, slots=True)
class Device:
    """[device]"""

    id: Name = dataclasses.field(default_factory=default_device)
    """Names the device's topics: edge_daemon/<id>/..."""


@dataclass(frozen=True, slots=True)
class Camera:
    """[camera]: a kind of source, and that kind's own Options."""

    kind: str
    options: Any


@dataclass(frozen=True, slots=True)
class Config:
    """All that a daemon is told."""

    device: str
    camera: Camera
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
    """[[field]] (a list, "fields") and the other sections but [camera] as plain data, each size, duration and rate as
    the file writes it."""


def load(path: Path | None) -> Config:
    """The configuration in a file, or the defaults without one. Raises ConfigError, which tells all problems."""
    return parse(str(path), text_of(path)) if path else parse("defaults", "")


def parse(name: str, text: str) -> Config:
    """The configuration in a TOML text; problems call it `name`. Raises ConfigError."""
    document = Document(name, text)
    _refuse_unknown_sections(document)
    camera, read = _camera(document), tuple(_fields(document))
    filled = {section: _table(document, section, options) for section, options in TABLES.items()}
    _refuse_unused_updates(document, filled["updates"], filled["model"])
    document.raise_problems()
    tables = document.tables
    written: dict[str, Any] = {
        section: as_written(options, tables.get(section, {})) for section, options in filled.items()
    }
    written["fields"] = [as_written(*field) for field in zip(read, tables.get("field", ()), strict=True)]
    return Config(**filled | {"device": filled["device"].id, "camera": camera, "fields": read, "written": written})


# Sections

TABLES: Mapping[str, type[Any]] = {
    "device": Device,
    "model": ModelOptions,
    "mqtt": mqtt.MqttOptions,
    "outbox": outbox.OutboxOptions,
    "health": health.HealthOptions,
    "updates": client.UpdateOptions,
    "samples": samples.SampleOptions,
    "opinion": budget.SecondOpinionOptions,
}
INNER: Mapping[str, tuple[str, type[Any]]] = {"model": ("foreign", ForeignOptions)}
"""Section -> the name and the options of a table inside it: [model.foreign]."""
SECTIONS = ("camera", "field", *TABLES)


def keys(options: type[Any]) -> list[str]:
    """The keys of a section, from its Options."""
    return [field.name for field in dataclasses.fields(options)]


CAMERAS = {kind: options_type(kind) for kind in KINDS}

HOMES = {key: "[camera]" for options in CAMERAS.values() for key in keys(options)}
HOMES |= dict.fromkeys(keys(FieldOptions), "[[field]]")
HOMES |= {key: f"[{section}]" for section, options in TABLES.items() for key in keys(options)}
HOMES |= {key: f"[{section}.{name}]" for section, (name, options) in INNER.items() for key in keys(options)}
"""Where each key belongs, for those that are found elsewhere."""
CAMERA_HOMES = HOMES | {key: f'source = "{kind}"' for kind, options in CAMERAS.items() for key in keys(options)}


def _refuse_unknown_sections(document: Document) -> None:
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
    table = document.tables.get(section, {})
    inner = INNER.get(section)
    filled = document.fill((section,), table, options, CHECKS.get(section, {}), HOMES, [inner[0]] if inner else [])
    if inner is None or filled is None:
        return filled
    name, inner_options = inner
    inner_filled = document.fill((section, name), table.get(name, {}), inner_options, {}, HOMES)
    return filled if inner_filled is None else dataclasses.replace(filled, **{name: inner_filled})


def _camera(document: Document) -> Camera | None:
    table = document.tables.get("camera", {})
    kind = table.get("source", "picamera") if isinstance(table, dict) else None
    if kind is None:
        document.add_problem(("camera",), f"expected a section [camera], in one bracket; got {show(table)}")
    elif not isinstance(kind, str) or kind not in CAMERAS:
        hint = suggest(str(kind), CAMERAS)
        document.add_problem(("camera", "source"), f"expected {one_of(CAMERAS)}; got {show(kind)}{hint}")
    else:
        return Camera(
            kind, document.fill(("camera",), table, CAMERAS[kind], CHECKS["camera"], CAMERA_HOMES, ["source"])
        )
    return None


def _fields(document: Document) -> Iterator[FieldOptions]:
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
            problem = f"expected a name of its own; got {show(options.name)}, the name in line {first}"
            document.add_problem(("field", i, "name"), problem)


def _refuse_unused_updates(
    document: Document, updates: client.UpdateOptions | None, model: ModelOptions | None
) -> None:
    if updates and updates.url and model and model.path != AUTO:
        problem = f'expected [model] path = "{AUTO}" beside it, or nothing that is downloaded runs'
        document.add_problem(("updates", "url"), f"{problem}; got {show(model.path)}")
