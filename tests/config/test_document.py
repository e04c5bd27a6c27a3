"""Tables as dataclasses, values as types, and how problems are reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import pytest

from edge_daemon.config.document import NOTHING, Check, Document, convert, describe, show
from edge_daemon.errors import ConfigError

Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Options:
    name: str
    percent: Percent = 50
    kind: Literal["red", "green"] = "red"
    size: tuple[int, int] = (640, 480)
    place: Pair | tuple[Pair, Pair] = (0.0, 0.0)
    on: bool = False


def problems(text: str, checks: Mapping[str, Check] = NOTHING) -> list[str]:
    """The problems of the section [paint] in `text`, a line each."""
    document = Document("c.toml", text)
    document.fill(("paint",), document.tables.get("paint", {}), Options, checks)
    with pytest.raises(ConfigError) as caught:
        document.raise_problems()
    return str(caught.value).split("\n")


def test_a_valid_table_becomes_the_dataclass() -> None:
    """Values have the types of the dataclass; a key that is not given has its default."""
    document = Document("c.toml", 'paint = {name = "a", percent = 7, place = [[1, 2], [3, 4.5]]}')
    filled = document.fill(("paint",), document.tables["paint"], Options)
    assert filled == Options("a", percent=7, place=((1.0, 2.0), (3.0, 4.5)))
    document.raise_problems()


LOCATED: list[tuple[str, tuple[str | int, ...], int]] = [
    ("[a]\nx = 1\n\n# x = 5\ny = 2\n", ("a", "y"), 5),
    ("[a]\nx = 1\n[b]\nx = 2\n", ("b", "x"), 4),
    ("  [ a ]  # said\n\t x=1", ("a", "x"), 2),
    ('["a"]\n"x" = 1\n', ("a", "x"), 2),
    ("[[f]]\nx = 1\n[[f]]\n# between\nx = 2\n", ("f", 1, "x"), 5),
    ("[[f]]\n[[f]]\n[[f]]\n", ("f", 2), 3),
    ("[[f]]\nx = 1\n", ("f", 0, "missing"), 1),
    ('[a]\ntext = """\n[b]\nx = 1\n"""\n[b]\nx = 2\n', ("b", "x"), 7),
    ("[a]\nlist = [\n [1, 2],\n [3, 4],\n]\nx = 1\n", ("a", "list"), 2),
    ("[a]\nlist = [\n [1],\n]\nx = 1\n", ("a", "x"), 5),
    ("a.x = 1\na.y = 2\n", ("a", "y"), 2),
    ("a.x = 1\na.y = 2\n", ("a",), 1),
    ("z = 1\na = {x = 1, y = 2}\n", ("a", "y"), 2),
    ("f = [{x = 1},\n {x = 2}]\n", ("f", 1, "x"), 1),
    ("[a]\r\nx = 1\r\ny = 2\r\n", ("a", "y"), 3),
    ("[a]\nx = '\u2028\x0c'".replace("\x0c", "\u0085") + "\ny = 1\n", ("a", "y"), 3),
    ("", ("a", "x"), 1),
]


@pytest.mark.parametrize(("text", "place", "line"), LOCATED)
def test_a_key_is_found_on_its_line(text: str, place: tuple[str | int, ...], line: int) -> None:
    """The line of a key, or of the nearest section around it, however the file is written."""
    assert Document("c.toml", text).line(place) == line


WRONG = [
    ("percent = 101", "[paint] percent: expected a whole number, at least 0, at most 100; got 101"),
    ("percent = 5.5", "[paint] percent: expected a whole number, at least 0, at most 100; got 5.5"),
    ('percent = "5"', '[paint] percent: expected a whole number, at least 0, at most 100; got "5"'),
    ("percent = true", "[paint] percent: expected a whole number, at least 0, at most 100; got true"),
    ('on = "yes"', '[paint] on: expected true or false; got "yes"'),
    ('kind = "gren"', '[paint] kind: expected "red" or "green"; got "gren". Did you mean green?'),
    ("kind = 3", '[paint] kind: expected "red" or "green"; got 3'),
    ('size = "640x480"', '[paint] size: expected [a whole number, a whole number], like [640, 480]; got "640x480"'),
    ("size = [1, 2, 3]", "[paint] size: expected [a whole number, a whole number]; got [1, 2, 3]"),
    ("size = {w = 1}", "[paint] size: expected [a whole number, a whole number], like [640, 480]; got a table"),
    ("place = [nan, 1]", "[paint] place: expected [a number, a number] or"),
    ("place = [inf, 1]", "[paint] place: expected [a number, a number] or"),
    ("place = [1, 1" + "0" * 400 + "]", "[paint] place: expected [a number, a number] or"),
    ("size = 1979-05-27", "[paint] size: expected [a whole number, a whole number], like [640, 480]; got 1979-05-27"),
    ('nmae = "x"', "[paint] nmae: expected one of kind, name, on, percent, place, size; got an unknown key."),
    ("percnt = 5", "got an unknown key. Did you mean percent?"),
    ("on.off = 1", "[paint] on: expected true or false; got a table"),
]


@pytest.mark.parametrize(("wrong", "expected"), WRONG)
def test_a_wrong_value_is_reported(wrong: str, expected: str) -> None:
    """With file, line, section, key, what is allowed, and what was there instead."""
    [problem] = problems(f'[paint]\nname = "wall"\n\n{wrong}\n')
    assert problem.startswith("c.toml:4: [paint] ")
    assert expected in problem


def test_a_missing_key_is_reported() -> None:
    """A key without a default must be given; the line is its section's."""
    assert problems("\n[paint]\non = true\n") == [
        "c.toml:2: [paint] name: expected text in quotes; got nothing, and it is needed"
    ]


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    """Three mistakes are three lines, not three attempts."""
    found = problems('[paint]\non = 1\nname = 2\nkid = "x"\n')
    assert [line.split(" expected")[0] for line in found] == [
        "c.toml:2: [paint] on:",
        "c.toml:3: [paint] name:",
        "c.toml:4: [paint] kid:",
    ]


def test_a_section_that_is_a_value() -> None:
    """`paint = 5` is reported: a section is expected."""
    assert problems("paint = 5") == ["c.toml:1: paint: expected a section [paint], in one bracket; got 5"]


NOT_TOML = [
    ("[a]\n\nx = red\n", "c.toml:3: [a] x: not valid TOML: Invalid value"),
    ("[a]\nx = [1, 2\ny = 5\n", "c.toml:2: [a] x: not valid TOML: Unclosed array"),
    ("[a]\nx = 'abc\ny = 5\n", 'c.toml:2: [a] x: not valid TOML: Expected "\'"'),
    ('[a]\nx = "abc\ny = 5\n', "c.toml:2: [a] x: not valid TOML: Illegal character '\\n'"),
    ("[a]\nx = 640x480\n", "c.toml:2: [a] x: not valid TOML: Expected newline or end of document"),
    ("[a]\nx: 5\n", "c.toml:2: [a]: not valid TOML: Expected '=' after a key"),
    ("[a]\nx = 1\nx = 2\n", "c.toml:3: [a] x: not valid TOML: Cannot overwrite a value"),
    ("[a]\nx = 1\nx = [\n1]\n", "c.toml:3: [a] x: not valid TOML: Cannot overwrite a value"),
    ("[a]\n[b]\n[a]\n", "c.toml:3: [a]: not valid TOML: Cannot declare"),
    ("[f]\n[[f]]\n", "c.toml:2: [[f]]: not valid TOML: Cannot"),
    ("[a\nx = 1\n", "c.toml:1: [a: not valid TOML: Expected ']'"),
    ('x = "c:\\users"\n', "c.toml:1: x: not valid TOML: "),
    ("x = 1\n\x00\n", "c.toml:2: not valid TOML: Invalid statement"),
    ("x = " + "[" * 5000, "c.toml:1: x: not valid TOML: "),
    ("x = " + "9" * 5000, "c.toml:1: x: not valid TOML: Exceeds the limit"),
]


@pytest.mark.parametrize(("text", "expected"), NOT_TOML)
def test_text_that_is_not_toml_is_reported_where_the_error_began(text: str, expected: str) -> None:
    """A syntax error names the statement that is wrong, not the place where the parser gave up."""
    with pytest.raises(ConfigError) as caught:
        Document("c.toml", text)
    assert str(caught.value).startswith(expected)


def test_secrets_are_not_repeated() -> None:
    """Neither an unknown key's value nor a login inside a URL appears in a message."""
    assert show("mqtt://me:p@ss/word@host") == '"mqtt://..."'
    assert "hunter2" not in problems('[paint]\nname = "x"\npassword = "hunter2"\n')[0]
    assert "hunter2" not in problems('[paint]\nname = "x"\nkind = "mqtt://u:hunter2@host"\n')[0]


def test_long_and_hostile_text() -> None:
    """Text has no control characters, a largest length, and is shown short."""
    assert "expected text without control characters" in problems('[paint]\nname = "a\\u0000b"\n')[0]
    [long] = problems(f'[paint]\nname = "{"a" * 70_000}"\n')
    assert "expected at most 1024 characters" in long
    assert len(long) < 200


def test_a_problem_is_one_line() -> None:
    """Whatever a key contains: a line break would forge a line of the log, an escape code one on the screen."""
    [problem] = problems('[paint]\nname = "white"\n"a\\nb\\u009b" = 1\n')
    assert problem.startswith("c.toml:3: [paint] a\\u000ab\\u009b: expected one of")


def test_a_check_beyond_the_type() -> None:
    """A check that raises is reported like a wrong type, and the other problems are still found."""

    def dark(value: object) -> None:
        raise ValueError("expected a dark colour")

    assert problems('[paint]\nname = "white"\non = 1\n', {"name": dark}) == [
        'c.toml:2: [paint] name: expected a dark colour; got "white"',
        "c.toml:3: [paint] on: expected true or false; got 1",
    ]


def test_types_in_words() -> None:
    """The values that a type allows, in words."""
    assert describe(Percent) == "a whole number, at least 0, at most 100"
    assert describe(Annotated[float, msgspec.Meta(gt=0)]) == "a number, above 0"
    assert describe(Annotated[float, msgspec.Meta(ge=0.5)]) == "a number, at least 0.5"
    assert describe(Annotated[str, msgspec.Meta(extra={"expected": "a name"})]) == "a name"
    assert describe(Literal[0, 90, 180]) == "0, 90 or 180"
    assert describe(Pair | None) == "[a number, a number]"
    assert convert(90, Literal[0, 90]) == 90
