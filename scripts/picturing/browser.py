"""Pages as pictures, by a headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver

MISSING = "needs Debian's chromium and chromium-driver, 0.4 GB: apt-get install chromium chromium-driver"


def start(options: webdriver.ChromeOptions) -> WebDriver:
    """A browser without a window, with an empty profile. Raises FileNotFoundError."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        raise FileNotFoundError(MISSING)
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


@contextmanager
def chromium(size: tuple[int, int]) -> Iterator[WebDriver]:
    """A browser whose pages are `size` = (width, height) in pixels. Raises FileNotFoundError."""
    options = webdriver.ChromeOptions()
    options.add_argument("--hide-scrollbars")
    browser = start(options)
    try:
        _resize(browser, *size)
        yield browser
    finally:
        browser.quit()


def screenshot(page: Path, width: int) -> bytes:
    """A page from top to bottom, as PNG."""
    with chromium((width, 400)) as browser:
        browser.get(page.as_uri())
        _resize(browser, width, browser.execute_script("return document.documentElement.scrollHeight"))
        return bytes(browser.get_screenshot_as_png())


def _resize(browser: WebDriver, width: int, height: int) -> None:
    shown = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shown)
