"""The page of `edge-daemon preview`, with a field drawn on the simulated camera's page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from scripts.picturing import drawn
from scripts.picturing.browser import chromium

PATIENCE = 60.0
"""Seconds until the page shows a reading, at most."""


def draw(folder: Path) -> bytes:
    """As PNG."""
    x, y, w, h = drawn.numbers()[1].box
    width, height = drawn.PAGE.size
    region = [(x - 20) / width, (y - 20) / height, (w + 40) / width, (h + 40) / height]
    field = f'[[field]]\nname = "units"\nregion = {region}\nformat = "####"\nunit = "pcs"\n'
    (folder / "my.toml").write_text(drawn.CAMERA + field)
    with _page(folder / "my.toml") as url, chromium((1180, 900)) as browser:
        browser.get(url)
        shown = WebDriverWait(browser, PATIENCE)
        shown.until(lambda b: b.find_element(By.ID, "found").text)
        shown.until(lambda b: b.find_element(By.CLASS_NAME, "published").text.endswith("pcs"))
        return bytes(browser.get_screenshot_as_png())


@contextmanager
def _page(config: Path) -> Iterator[str]:
    """The address that `edge-daemon preview` prints."""
    folders = {"STATE_DIRECTORY": str(config.parent / "state"), "RUNTIME_DIRECTORY": str(config.parent / "run")}
    program = [sys.executable, "-m", "edge_daemon", "preview", "--config", str(config), "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=os.environ | folders) as process:
        assert process.stdout is not None
        try:
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        finally:
            process.kill()
