"""The engine of second opinions: what it reads, and what it takes for a number."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edge_daemon.second_opinion.engine import LineReader, digits_in
from edge_daemon.system.child_process import child_environment
from tests.support.pictures.paper import page


def test_a_cut_out_is_read() -> None:
    """42 on paper is 42 with high confidence; an empty sheet is no number."""
    engine = LineReader()
    ((text, confidence),) = engine.read(page([("42", 40, 40)], height=50)[:130, :200])
    assert text == "42"
    assert 0.8 < confidence <= 1
    assert engine.read(np.full((60, 120), 200, np.uint8)) == ()


@pytest.mark.parametrize(
    ("text", "digits"),
    [("42", "42"), (" 4 2 ", "42"), ("1.234,5", "12345"), ("=107", "107"), ("-3", "3"), ("17=", "17"), ("(9)", "9")]
    + [(text, "") for text in ("", "l7", "42kg", "No 4", "4-2", "..", "\u0664\u0662", "\u00b2")],
)
def test_digits_come_from_texts_that_are_one_number(text: str, digits: str) -> None:
    """Signs around and points within a number are left out; a text with letters, or with two numbers, is none."""
    assert digits_in(text) == digits


def test_without_the_extra_the_command_says_what_to_install() -> None:
    """One line; with exit code 69 systemd does not start it again."""
    code = (
        "import sys; sys.modules['rapidocr'] = None\n"
        "from edge_daemon.cli.main import main\n"
        "sys.argv = ['edge-daemon', 'opinion', 'serve', '--broker', 'mqtt://127.0.0.1:9']\nsys.exit(main())"
    )
    run = subprocess.run([sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True)
    assert run.returncode == 69
    assert "--with opinion" in run.stderr
    assert len(run.stderr.splitlines()) == 1
