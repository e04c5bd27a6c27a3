"""Pages as pictures, by a headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver

MISSING = "needs Debian's chromium and chromium-driver: apt-get install chromium chromium-driver"


@contextmanager
def chromium(size: tuple[int, int]) -> Iterator[WebDriver]:
    """A browser with an empty profile, whose pages are `size` = (width, height) in pixels. Raises FileNotFoundError."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        raise FileNotFoundError(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    width, height = size
    shown = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    try:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shown)
        yield browser
    finally:
        browser.quit()


def screenshot(page: Path, width: int) -> bytes:
    """A page from top to bottom, as PNG."""
    with chromium((width, 400)) as browser:
        browser.get(page.as_uri())
        height = browser.execute_script("return document.documentElement.scrollHeight")
        shown = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shown)
        return bytes(browser.get_screenshot_as_png())
