"""Configurations of any form: keys with right and wrong values, unknown ones, odd texts, and text that is no TOML.

Each is refused, with file, line and what was expected, or a daemon is put together with it and processes a few frames.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from functools import partial
from importlib.resources import files
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from edge_daemon.app import build, run
from edge_daemon.commands.controls import Inbox, enqueue
from edge_daemon.config.document import quantity_of
from edge_daemon.config.last_good import ConfigFile
from edge_daemon.config.schema import CAMERAS, INNER, SECTIONS, TABLES, CameraOptions, Config
from edge_daemon.decision.rules import FieldOptions
from edge_daemon.errors import ConfigError, EdgeDaemonError
from edge_daemon.reuse import ReusedResources
from edge_daemon.sources.simulated.options import SimulatedOptions
from tests.campaigns.fuzz.campaign import ODD, Check, Target, Wrong
from tests.campaigns.fuzz.whole_daemon import Tracebacks

FRAMES = 3
DEFAULT = files("edge_daemon").joinpath("default.toml").read_text(encoding="utf-8")

likely = st.sampled_from(["", "2s", "10m", "64MB", "~", "/", "~nobody/x", "x" * 300])
texts = st.text(ODD, max_size=30) | likely
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -1, 1e308, 0.5, 10**400])
scalars = texts | numbers | st.booleans()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner), max_leaves=6)
starts, lengths = st.floats(0, 0.9), st.floats(0.001, 1)
pixels = st.integers(0, 4000)
boxes = st.tuples(starts, starts, lengths, lengths) | st.tuples(pixels, pixels, *[st.integers(2, 4000)] * 2)
corners = boxes.map(lambda b: [(b[0], b[1]), (b[0] + b[2], b[1]), (b[0] + b[2], b[1] + b[3]), (b[0], b[1] + b[3])])
regions = boxes | corners | st.lists(st.floats(0, 1) | pixels, min_size=4, max_size=4)
quantities = st.builds(
    lambda number, unit: f"{number}{unit}",
    st.integers(0, 10**6) | st.floats(0, 1e6),
    st.sampled_from(["s", "m", "h", "d", "MB", "KB", "GB", "B", "/h", "/s", " /d", "x"]),
)
formats = st.text("#?-.,:/ ^0[]+$", max_size=12)
places = st.sampled_from(["rtsp://h/x", "http://h:0", "mqtt://h", "mqtts://h:8883", "https://h/f", "x.tflite", "\0"])
names = st.text("aZ09_-", min_size=1, max_size=8)


def fitting(hint: Any) -> st.SearchStrategy[Any]:
    """Values that a key of this type may take, and some that it may not."""
    if quantity_of(hint):
        return quantities
    kinds = [part for part in _parts(hint) if part in (bool, int, float, str)]
    literals = [literal for part in _parts(hint) if get_origin(part) is Literal for literal in get_args(part)]
    found: list[st.SearchStrategy[Any]] = [st.sampled_from(literals)] if literals else []
    found += [st.booleans()] if bool in kinds else []
    found += [st.integers(0, 2000)] if int in kinds else []
    found += [st.floats(0, 100)] if float in kinds else []
    found += [texts | places] if str in kinds else []
    return st.one_of(*found) if found else values


def _parts(hint: Any) -> list[Any]:
    """A type, and those that it is made of."""
    return [hint, *(part for inner in get_args(hint) if not isinstance(inner, (str, int)) for part in _parts(inner))]


def tables(options: type[Any], own: dict[str, st.SearchStrategy[Any]] | None = None) -> st.SearchStrategy[Any]:
    """The keys of a section, most of them with values that fit."""
    keys = {key: fitting(hint) for key, hint in get_type_hints(options, include_extras=True).items()} | (own or {})
    fit = st.fixed_dictionaries({}, optional=keys)
    return st.one_of(fit, fit, fit, st.dictionaries(st.sampled_from([*keys, "size", "x y", ""]) | texts, values))


cameras = st.one_of(
    *(
        st.tuples(st.just(kind), tables(options)).map(lambda pair: {"source": pair[0], **pair[1]})
        for kind, options in CAMERAS.items()
    )
)
own = {"format": formats, "region": regions, "name": names}
fields = st.builds(
    lambda name, region, more: {"name": name, "region": region} | more,
    names | names | names | texts,
    regions | regions | values,
    tables(FieldOptions, own),
)
inner = {section: st.fixed_dictionaries({}, optional={name: tables(kind)}) for section, (name, kind) in INNER.items()}
sections: dict[str, st.SearchStrategy[Any]] = {
    section: st.builds(dict.__or__, tables(options), inner.get(section, st.just({})))
    for section, options in TABLES.items()
}


def few(section: st.SearchStrategy[dict[str, Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some keys of a section: with many of them one is nearly always wrong."""
    return section.map(lambda table: dict(list(table.items())[:most]))


small = st.builds(
    dict.__or__,
    st.one_of(
        st.fixed_dictionaries({"camera": few(cameras, 4)}),
        *(st.fixed_dictionaries({section: few(keys, 3)}) for section, keys in sections.items()),
    ),
    st.lists(few(fields, 5), max_size=2).map(lambda found: {"field": found} if found else {}),
)
documents = st.fixed_dictionaries(
    {},
    optional=sections
    | {"camera": cameras, "field": st.lists(fields, max_size=3)}
    | dict.fromkeys(("colour", "fields", "devise"), values),
)


def as_toml(document: dict[str, Any]) -> str:
    """The document, with section headers where it has tables."""
    lines = [f"{key(name)} = {value(what)}" for name, what in document.items() if not is_table(what)]
    for name, what in document.items():
        if isinstance(what, dict):
            lines += [f"[{key(name)}]", *(f"{key(k)} = {value(v)}" for k, v in what.items())]
        elif is_table(what):
            for table in what:
                lines += [f"[[{key(name)}]]", *(f"{key(k)} = {value(v)}" for k, v in table.items())]
    return "\n".join([*lines, ""])


def is_table(what: Any) -> bool:
    return isinstance(what, dict) or (isinstance(what, list) and bool(what) and all(isinstance(t, dict) for t in what))


def key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name, re.ASCII) else value(name)


def value(what: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(what, dict):
        return "{" + ", ".join(f"{key(name)} = {value(inside)}" for name, inside in what.items()) + "}"
    if isinstance(what, (list, tuple)):
        return "[" + ", ".join(map(value, what)) + "]"
    if isinstance(what, str):
        return json.dumps(what.encode(errors="replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
    return {True: "true", False: "false"}[what] if isinstance(what, bool) else str(what)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """The default configuration with some keys switched on, and some characters changed."""
    lines = DEFAULT.split("\n")
    for at in draw(st.lists(st.integers(0, len(lines) - 1), max_size=6)):
        lines[at] = lines[at].removeprefix("#")
    text = "\n".join(lines)
    for at, new in draw(st.lists(st.tuples(st.integers(0, len(text)), st.text(ODD, max_size=3)), max_size=4)):
        text = text[:at] + new + text[at + len(new) :]
    return text


cases = st.one_of(small.map(as_toml), small.map(as_toml), documents.map(as_toml), edited())
CONFIG_ERROR = re.compile(r"x\.toml(:\d+)?: .*(expected .*; got |not valid TOML)[^\x00-\x1f\x7f-\x9f]*$")


@contextmanager
def checking(folder: Path) -> Iterator[Check]:
    """In this process; broker and camera are replaced by ones that are there."""
    numbers = count()
    with chdir(folder), closing(Tracebacks()) as tracebacks:

        def check(text: str) -> None:
            place = folder / str(next(numbers))
            place.mkdir()
            try:
                judge(place, text)
            finally:
                shutil.rmtree(place)
            tracebacks.check()

        yield check


def judge(place: Path, text: str) -> None:
    """Loads the configuration, and runs with it if it is accepted. Raises Wrong for an unclear error."""
    path = place / "x.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    file = ConfigFile(path, place / "copy")
    try:
        config = file.load_to_run()
    except ConfigError as error:
        unclear = [line for line in str(error).split("\n") if not CONFIG_ERROR.search(line)]
        if unclear:
            raise Wrong(f"an unclear error: {unclear}") from error
        return
    state = os.environ["STATE_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"]
    os.environ["STATE_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"] = str(place / "state"), str(place / "run")
    try:
        live(runnable(config), file)
    except EdgeDaemonError:
        return  # something that it names is not there
    finally:
        os.environ["STATE_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"] = state


def runnable(config: Config) -> Config:
    """The same with a broker that refuses connections, and with a camera that ends after some frames."""
    options = config.camera.options if config.camera.kind == "simulated" else SimulatedOptions(size=(320, 240))
    quick = dataclasses.replace(options, frames=FRAMES, realtime=False, truth="")
    mqtt = dataclasses.replace(config.mqtt, url="mqtt://127.0.0.1:1")
    return dataclasses.replace(config, camera=CameraOptions("simulated", quick), mqtt=mqtt)


def live(config: Config, file: ConfigFile) -> None:
    """A daemon's life, from its start to the end of its frames."""
    inbox: Inbox = SimpleQueue()
    with closing(ReusedResources(partial(enqueue, inbox))) as reused, build(config, reused, inbox, file) as app:
        app.courier.stop()  # its thread would draw random numbers of its own
        run(app)


TARGET = Target(cases, checking)
assert {*SECTIONS} == {*TABLES, "camera", "field"}
