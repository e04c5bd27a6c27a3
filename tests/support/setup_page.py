"""A person in front of the setup's page: goes through its steps in a real browser."""

from __future__ import annotations

from collections.abc import Callable

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import by_id, wait

Act = Callable[[WebDriver], None]
"""What the person does in a step before it is submitted."""


def heading(browser: WebDriver) -> str:
    return by_id(browser, "title").text


def is_at(title: str) -> Callable[[WebDriver], bool]:
    return lambda browser: heading(browser) == title


def picture(browser: WebDriver) -> None:
    """Waits for the live picture."""
    wait(browser, lambda b: by_id(b, "picture").get_attribute("naturalWidth") != "0")


def measured(browser: WebDriver) -> None:
    wait(browser, lambda b: by_id(b, "focus").text.isdecimal())


def tap_first_number(browser: WebDriver) -> None:
    """Taps the first number, and names it `units`, counted in pieces."""
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#found button"))[0].click()
    fields = by_id(browser, "fields")
    name = fields.find_element(By.NAME, "name")
    name.send_keys(Keys.CONTROL, "a")
    name.send_keys("units")
    fields.find_element(By.NAME, "unit").send_keys("pcs")


def type_url(url: str) -> Act:
    def act(browser: WebDriver) -> None:
        wait(browser, lambda b: by_id(b, "url").get_attribute("value"))
        by_id(browser, "url").clear()
        by_id(browser, "url").send_keys(url)

    return act


def type_device(browser: WebDriver) -> None:
    wait(browser, lambda b: by_id(b, "device").get_attribute("value"))
    by_id(browser, "device").clear()
    by_id(browser, "device").send_keys("bench")


def steps(url: str) -> list[tuple[str, Act]]:
    """The title of each step with questions, and what the person does there."""
    return [
        ("Camera", picture),
        ("Aim", measured),
        ("Numbers", tap_first_number),
        ("Broker", type_url(url)),
        ("Home Assistant", type_device),
        ("Start", lambda browser: None),
    ]


def walk(browser: WebDriver, url: str, seen: Callable[[str], None] = lambda name: None) -> None:
    """Takes all steps to the first reading. `seen` is called, with a name, before and after each is submitted."""
    for number, (title, act) in enumerate(steps(url), 1):
        wait(browser, is_at(title))
        act(browser)
        name = f"{number}-{title.lower().replace(' ', '-')}"
        seen(name)
        by_id(browser, "submit").click()
        wait(browser, lambda b: by_id(b, "on").is_displayed())
        seen(f"{name}-done")
        by_id(browser, "on").click()
    wait(browser, is_at("First reading"))
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".value:not(.withheld) b"))
    seen("7-first-reading")
