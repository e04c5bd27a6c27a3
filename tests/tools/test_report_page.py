"""The page of `edge-daemon report` and `replay --report`, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from selenium.webdriver.common.by import By

from edge_daemon.domain import Reading, Status
from edge_daemon.errors import ReportError
from edge_daemon.tools.reporting.page import Report, duration, page, write
from edge_daemon.tools.reporting.plots import COLOURS, plot
from edge_daemon.tools.reporting.timeline import timelines
from tests.support.browser import axe, chromium, complaints, findings
from tests.support.records import reading

BEGIN = 1_795_485_000.0
END = BEGIN + 3600
HOSTILE = '<script>document.title="taken"</script>'


def day() -> list[Reading]:
    """A counter that rises, a night, a value that a rule withholds until it is accepted, and an identifier."""
    counts = [reading(100 + n, captured_at=BEGIN + 60 * n, unit=HOSTILE) for n in range(20)]
    dark = reading(119, captured_at=BEGIN + 1200, status=Status.TOO_DARK, unit=HOSTILE)
    falls = reading(
        119, captured_at=BEGIN + 2400, status=Status.NOT_MONOTONE, candidates=(("00007", 0.9),), unit=HOSTILE
    )
    after = reading(7, captured_at=BEGIN + 3000, unit=HOSTILE)
    name = replace(reading(captured_at=BEGIN), field="name", text="A-17", value=None)
    return [*counts, dark, falls, after, name]


def report() -> Report:
    picture = cv2.imencode(".png", np.full((20, 60), 200, np.uint8))[1].tobytes()
    return Report(HOSTILE, BEGIN, END, timelines(day(), BEGIN, END), {("units", BEGIN + 1200): picture})


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_what_a_person_sees(tmp_path: Path, phone: bool) -> None:
    """One file that asks for nothing else and runs no script: a plot with the spans in their colours, and a table that
    says why each was withheld, what came of it, and what it looked like.

    The page is not wider than the window, and axe finds nothing serious.
    """
    path = write(tmp_path / "page", report())
    size = (400, 800) if phone else (1280, 1000)
    with chromium(size, dark=phone, phone=phone) as browser:
        browser.get(path.as_uri())
        shown = browser.find_element(By.TAG_NAME, "main").text
        for words in ("withheld 50.0% of the time", "it was too dark", "20 min", "accepted: it stayed", "A-17"):
            assert words in shown
        [drawing] = browser.find_elements(By.CSS_SELECTOR, ".plot svg")
        for status in (Status.TOO_DARK, Status.NOT_MONOTONE):
            assert COLOURS[status] in (drawing.get_attribute("innerHTML") or "")
        [image] = browser.find_elements(By.TAG_NAME, "img")
        assert image.get_property("naturalWidth") == 60
        assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert (browser.title, complaints(browser)) == (HOSTILE, [])
        assert findings(browser, axe(tmp_path)) == []


def test_the_same_readings_give_the_same_page() -> None:
    """So that two pages can be compared; one of a day is small."""
    assert page(report()) == page(report())
    assert len(page(report())) < 60_000


def test_nothing_was_published() -> None:
    """It is said."""
    assert "Nothing was published in this time." in page(Report("x", BEGIN, END, []))


def test_identifiers_have_no_plot() -> None:
    """Their values are a list."""
    [name, _] = timelines(day(), BEGIN, END)
    assert plot(name, BEGIN, END) == ""


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    """The folder is named."""
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="file/page: cannot be written"):
        write(tmp_path / "file/page", Report("x", BEGIN, END, []))


@pytest.mark.parametrize(("seconds", "words"), [(45.2, "45 s"), (600, "10 min"), (5400, "1 h 30 min"), (7200, "2 h")])
def test_durations(seconds: float, words: str) -> None:
    """Seconds, or hours and minutes."""
    assert duration(seconds) == words
