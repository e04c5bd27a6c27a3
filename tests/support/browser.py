"""A real headless Chromium, from Debian's packages, driven through selenium."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from scripts.picturing.browser import start

PATIENCE = 40.0
"""Longest wait in seconds for anything that should happen."""
NO_AXE = "needs axe-core from the npm registry"


@contextmanager
def chromium(size: tuple[int, int] = (1280, 1000), *, dark: bool = False, phone: bool = False) -> Iterator[WebDriver]:
    """A browser with an empty profile. Skips the test if there is no Chromium."""
    options = webdriver.ChromeOptions()
    options.add_argument("--disable-background-networking")
    options.add_argument(f"--window-size={size[0]},{size[1]}")
    if phone:
        metrics = {"width": size[0], "height": size[1], "pixelRatio": 2, "touch": True}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        browser = start(options)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield browser
    finally:
        browser.quit()


def wait(browser: WebDriver, what: Any) -> Any:
    """Waits until `what(browser)` is true; returns its value."""
    return WebDriverWait(browser, PATIENCE).until(what)


def by_id(browser: WebDriver, name: str) -> WebElement:
    return browser.find_element(By.ID, name)


def complaints(browser: WebDriver) -> list[str]:
    """Messages of the browser's console."""
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]


def axe(folder: Path) -> str:
    """axe-core's source, fetched by npm into `folder`. Skips the test if npm cannot fetch it."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip(NO_AXE)
    done = subprocess.run([npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, timeout=100)
    packed = next(folder.glob("axe-core-*.tgz"), None)
    if done.returncode or not packed:
        pytest.skip(NO_AXE)
    with tarfile.open(packed) as archive:
        source = archive.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


def findings(browser: WebDriver, source: str) -> list[str]:
    """Serious and critical findings of axe on the open page: rule and first element of each."""
    browser.execute_script(source)
    result = browser.execute_async_script("axe.run().then(arguments[0])")
    assert result["passes"]
    grave = [found for found in result["violations"] if found["impact"] in ("serious", "critical")]
    return [f"{found['id']}: {found['nodes'][0]['html']}" for found in grave]
