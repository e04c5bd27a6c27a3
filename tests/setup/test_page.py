"""The setup's page in a real browser: a real broker, the simulated camera, a real daemon."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.keys import Keys

from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.browser import axe, by_id, chromium, complaints, findings, wait
from tests.support.program import page
from tests.support.received import payloads
from tests.support.setup import CAMERA
from tests.support.setup_page import is_at, picture, walk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(f"# mine\n{CAMERA}")
    return path


@pytest.mark.parametrize(("size", "phone"), [((1280, 900), False), ((400, 860), True)], ids=["wide", "phone"])
def test_from_nothing_to_a_reading(
    file: Path, broker: Mosquitto, recorder: Recorder, size: tuple[int, int], phone: bool
) -> None:
    """Every step is taken; in each of them axe finds nothing serious and nothing is wider than the screen. The reading
    on the page is the one at the broker, and the file has kept its comment."""
    source, wrong = axe(file.parent), list[str]()
    with page("setup", file) as (_, url), chromium(size, phone=phone, dark=phone) as browser:

        def look(step: str) -> None:
            wrong.extend(f"{step}: {finding}" for finding in findings(browser, source))
            if not browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"):
                wrong.append(f"{step}: wider than the screen")

        browser.get(url)
        walk(browser, broker.url, look)
        shown = by_id(browser, "readings").text
        wrong += complaints(browser)
    assert wrong == []
    assert shown.split("\n") == ["units", f"{payloads(recorder.heard, 'bench/reading/units')[-1]['text']} pcs"]
    text = file.read_text()
    assert text.startswith("# mine\n")
    assert tomllib.loads(text)["mqtt"]["url"] == broker.url


def tab_to(browser: WebDriver, wanted: str) -> None:
    """Presses Tab until the element with this id, or the first one inside it, has the focus."""
    inside = "return document.activeElement.closest('#' + arguments[0]) !== null"
    for _ in range(60):
        if browser.execute_script(inside, wanted):
            return
        browser.switch_to.active_element.send_keys(Keys.TAB)
    raise AssertionError(f"{wanted} cannot be reached with Tab")


def submit(browser: WebDriver) -> None:
    """Submits the step with the keyboard, and goes on: the focus is then on `Go on`."""
    tab_to(browser, "submit")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser, lambda b: b.switch_to.active_element.get_attribute("id") == "on")
    browser.switch_to.active_element.send_keys(Keys.ENTER)


def test_with_the_keyboard_alone(file: Path, broker: Mosquitto) -> None:
    """All steps, with Tab, Enter and letters: no pointer is used."""
    with page("setup", file) as (_, url), chromium() as browser:
        browser.get(url)
        wait(browser, is_at("Camera"))
        picture(browser)
        submit(browser)
        wait(browser, is_at("Aim"))
        submit(browser)
        wait(browser, is_at("Numbers"))
        wait(browser, lambda b: b.execute_script("return document.querySelectorAll('#found button').length"))
        tab_to(browser, "found")
        browser.switch_to.active_element.send_keys(Keys.ENTER)
        browser.switch_to.active_element.send_keys("units")  # the name is selected
        submit(browser)
        wait(browser, is_at("Broker"))
        tab_to(browser, "url")
        browser.switch_to.active_element.send_keys(Keys.CONTROL, "a")
        browser.switch_to.active_element.send_keys(broker.url)
        submit(browser)
        wait(browser, is_at("Home Assistant"))
        submit(browser)
        wait(browser, is_at("Start"))
        submit(browser)
        wait(browser, lambda b: "units" in by_id(b, "readings").text)


def test_it_is_taken_up_again(file: Path) -> None:
    """After it was ended the page opens at the first step that was not done; the configuration is as it was."""
    before = file.read_text()
    with page("setup", file) as (process, url), chromium() as browser:
        browser.get(url)
        picture(browser)
        by_id(browser, "submit").click()
        wait(browser, lambda b: by_id(b, "on").is_displayed())
        process.terminate()
        assert process.wait(60) == 0
        with page("setup", file) as (_, again):
            browser.get(again)
            wait(browser, is_at("Aim"))
    assert file.read_text() == before


def test_a_broker_that_is_not_there(file: Path) -> None:
    """The failing part is named with its remedy, the step is not done, and what was typed is still there."""
    with page("setup", file) as (_, url), chromium() as browser:
        browser.get(f"{url}#broker")
        wait(browser, is_at("Broker"))
        wait(browser, lambda b: by_id(b, "url").get_attribute("value"))
        by_id(browser, "url").clear()
        by_id(browser, "url").send_keys("mqtt://no-such-host.invalid", Keys.ENTER)
        wait(browser, lambda b: "no address is known" in by_id(b, "findings").text)
        assert not by_id(browser, "on").is_displayed()
        assert by_id(browser, "url").get_attribute("value") == "mqtt://no-such-host.invalid"
