"""Pictures of every step of `edge-daemon setup`, from a real browser: a wide window, and a phone.

A real broker, the simulated camera and a real daemon stand behind the page.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from tests.support.brokers.mosquitto import started
from tests.support.browser import chromium
from tests.support.program import page
from tests.support.setup import CAMERA
from tests.support.setup_page import walk

SIZES = {"wide": (1280, 800), "phone": (400, 860)}
"""Name -> width and height of the window in pixels."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--dark", is_flag=True, help="With the dark colours.")
def main(folder: Path, dark: bool) -> None:
    """Write a PNG of each step into FOLDER/wide and FOLDER/phone."""
    for name, size in SIZES.items():
        click.echo(f"{name}: {_take(folder / name, size, dark, name == 'phone')} pictures")


def _take(folder: Path, size: tuple[int, int], dark: bool, phone: bool) -> int:
    """Go through all steps with one window. Returns how many pictures were written."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, "my.toml")
        file.write_text(CAMERA)
        with (
            started(Path(temporary, "mosquitto")) as broker,
            page("setup", file) as (_, url),
            chromium(size, dark=dark, phone=phone) as browser,
        ):
            browser.get(url)
            walk(browser, broker.url, lambda name: _write(folder / f"{name}.png", browser.get_screenshot_as_png()))
    return len(list(folder.glob("*.png")))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


if __name__ == "__main__":
    main(prog_name="scripts/campaign setup-pictures")
