"""The page in a real browser, beside a real daemon on the simulated camera: aim, draw, save, reload, teach."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import cv2
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from edge_daemon.on_device.samples import Sample, Samples
from edge_daemon.sources.simulated.camera import SimulatedCamera
from edge_daemon.sources.simulated.options import SimulatedOptions
from tests.support.brokers.mosquitto import Mosquitto, Recorder
from tests.support.browser import axe, by_id, chromium, complaints, findings, wait
from tests.support.pictures.paper import page
from tests.support.program import daemon, preview
from tests.support.received import payloads

pytestmark = pytest.mark.slow

CAMERA = 'source = "simulated"\nseed = 3\nsurface = "paper"\nhold = 3000   # stands still\n'
SEES = SimulatedOptions(seed=3, surface="paper", hold=3000.0)
TEXTS = [str(2011 + 137 * i) for i in range(20)]


def written() -> tuple[str, tuple[float, float, float, float]]:
    """The second number on the page, and a loose box around it as fractions of the picture."""
    truth = SimulatedCamera(SEES).truth_at(0)[1]
    (x, y, w, h), (width, height) = truth.box, SEES.size
    return truth.text, ((x - 20) / width, (y - 20) / height, (w + 40) / width, (h + 40) / height)


def samples(folder: Path) -> Samples:
    folder.mkdir(parents=True)
    made = Samples(folder, 100, 1_000_000)
    for i, text in enumerate(TEXTS):
        pixels = page([(text, 16, 16)], size=(170, 76), seed=i)
        picture = cv2.imencode(".png", pixels)[1].tobytes()
        made.add(Sample(float(i), "units", "unsure", [(text, 0.6), ("7", 0.2)], [], "d@1", picture), pixels)
    return made


def test_a_field_is_drawn_saved_and_read(tmp_path: Path, broker: Mosquitto, recorder: Recorder) -> None:
    """Beside the running daemon: its picture is there; a rectangle is dragged, named, and shows what would be
    published; saved and reloaded, that very reading arrives at the broker. The file keeps its comments."""
    text, (x, y, w, h) = written()
    with daemon(tmp_path, broker.url, CAMERA) as process:
        recorder.wait_for(lambda heard: payloads(heard, "/reading/auto-1"))
        (tmp_path / "run").symlink_to("runtime")
        with preview(tmp_path / "edge.toml") as (_, url), chromium() as browser:
            browser.get(url)
            assert "token" not in browser.current_url
            wait(browser, lambda b: by_id(b, "whose").text == "what the daemon sees")
            wait(browser, lambda b: by_id(b, "focus").text.isdecimal())
            wait(browser, lambda b: text in by_id(b, "found").text)
            by_id(browser, "draw").click()
            stage = by_id(browser, "stage")
            width, height = stage.size["width"], stage.size["height"]
            start = (x - 0.5) * width, (y - 0.5) * height
            drag = ActionChains(browser).move_to_element_with_offset(stage, *map(round, start)).click_and_hold()
            drag.move_by_offset(round(w * width), round(h * height)).release().perform()
            browser.switch_to.active_element.send_keys("units")
            card = browser.find_element(By.CLASS_NAME, "card")
            card.find_element(By.NAME, "format").send_keys("#" * len(text))
            card.find_element(By.NAME, "unit").send_keys("pcs")
            published = card.find_element(By.CLASS_NAME, "published")
            wait(browser, lambda b: published.text == f"{text} pcs")
            card.find_element(By.NAME, "max").send_keys("1")
            wait(browser, lambda b: published.text.startswith("Withheld: out of range"))
            card.find_element(By.NAME, "max").send_keys(Keys.BACKSPACE)
            wait(browser, lambda b: published.text == f"{text} pcs")
            by_id(browser, "save").click()
            wait(browser, lambda b: by_id(b, "reload").is_displayed())
            by_id(browser, "reload").click()
            recorder.wait_for(lambda heard: payloads(heard, "/reading/units"))
            assert complaints(browser) == []
        process.terminate()
        assert process.wait(20) == 0
    reading = payloads(recorder.heard, "/reading/units")[-1]
    assert (reading["text"], reading["unit"], reading["status"]) == (text, "pcs", "ok")
    saved = (tmp_path / "edge.toml").read_text()
    assert "# stands still" in saved
    assert tomllib.loads(saved)["field"][0]["region"] == pytest.approx([x, y, w, h], abs=0.01)


def test_fields_by_keyboard(tmp_path: Path) -> None:
    """Without a pointer: a field is added in the middle, its corner moved with arrow keys, and removed."""
    (tmp_path / "my.toml").write_text(f"[camera]\n{CAMERA}")
    with preview(tmp_path / "my.toml") as (_, url), chromium() as browser:
        browser.get(url)
        wait(browser, lambda b: by_id(b, "found").text)
        by_id(browser, "add").send_keys(Keys.ENTER)
        corner = browser.find_element(By.CSS_SELECTOR, '[aria-label^="field-1: top left"]')
        before = corner.location
        corner.send_keys(Keys.SHIFT + Keys.ARROW_LEFT + Keys.NULL + Keys.ARROW_UP)
        assert corner.location["x"] < before["x"]
        assert corner.location["y"] < before["y"]
        browser.find_element(By.CLASS_NAME, "remove").send_keys(Keys.ENTER)
        assert not browser.find_elements(By.CLASS_NAME, "card")
        assert browser.switch_to.active_element.text == "Fields"


def test_twenty_samples_are_labelled(tmp_path: Path) -> None:
    """One key each: confirmed, another candidate, no number; one is typed, one undone and labelled again."""
    store = samples(tmp_path / "state" / "samples")
    (tmp_path / "my.toml").write_text(f"[camera]\n{CAMERA}")
    with preview(tmp_path / "my.toml") as (_, url), chromium() as browser:
        browser.get(url.replace("/?", "/teach?"))
        wait(browser, lambda b: by_id(b, "progress").text == "0 labelled, 20 left")
        for done, key in enumerate([Keys.ENTER] * 16 + ["b", "n", "33" + Keys.ENTER], 1):
            by_id(browser, "typed").send_keys(key)
            wait(browser, lambda b, done=done: by_id(b, "progress").text == f"{done} labelled, {20 - done} left")
        by_id(browser, "typed").send_keys("z")
        wait(browser, lambda b: by_id(b, "progress").text == "18 labelled, 2 left")
        for done, key in ((19, "a"), (20, "a")):
            by_id(browser, "typed").send_keys(key)
            wait(browser, lambda b, done=done: f"{done} labelled" in by_id(b, "progress").text)
        wait(browser, lambda b: "All are labelled" in by_id(b, "done").text or "no samples" in by_id(b, "done").text)
        assert complaints(browser) == []
    labels = [sample.label for _, sample in store.all()]
    assert labels == [*TEXTS[:16], "7", "", *TEXTS[18:]]


@pytest.mark.parametrize(("dark", "phone"), [(False, False), (True, True)], ids=["light", "dark-phone"])
def test_it_can_be_used_by_everybody(tmp_path: Path, dark: bool, phone: bool) -> None:
    """axe finds nothing serious on either page, and nothing is wider than the screen."""
    source = axe(tmp_path)
    samples(tmp_path / "state" / "samples")
    field = '[[field]]\nname = "units"\nregion = [0.1, 0.35, 0.6, 0.2]\nformat = "##"\n'
    (tmp_path / "my.toml").write_text(f"[camera]\n{CAMERA}{field}")
    size = (390, 844) if phone else (1280, 1000)
    with preview(tmp_path / "my.toml") as (_, url), chromium(size, dark=dark, phone=phone) as browser:
        browser.get(url)
        card = wait(browser, lambda b: b.find_elements(By.CLASS_NAME, "card"))[0]
        wait(browser, lambda b: "Withheld" in card.text)
        browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        card.find_element(By.NAME, "name").click()
        assert findings(browser, source) == []
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        browser.find_element(By.LINK_TEXT, "Teach").click()
        wait(browser, lambda b: by_id(b, "choices").text)
        assert findings(browser, source) == []
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_page_says_that_the_preview_has_ended(tmp_path: Path) -> None:
    """And how to start it again."""
    (tmp_path / "my.toml").write_text(f"[camera]\n{CAMERA}")
    with preview(tmp_path / "my.toml") as (process, url), chromium() as browser:
        browser.get(url)
        wait(browser, lambda b: by_id(b, "found").text)
        process.terminate()
        wait(browser, lambda b: "edge-daemon preview" in by_id(b, "ended").text)


def test_the_message_is_what_the_daemon_would_send(tmp_path: Path) -> None:
    """The message on the page is the payload of a reading."""
    text, (x, y, w, h) = written()
    field = f'[[field]]\nname = "units"\nregion = [{x:.3f}, {y:.3f}, {w:.3f}, {h:.3f}]\n'
    (tmp_path / "my.toml").write_text(f"[camera]\n{CAMERA}{field}")
    with preview(tmp_path / "my.toml") as (_, url), chromium() as browser:
        browser.get(url)
        sent = wait(browser, lambda b: b.find_element(By.TAG_NAME, "pre").get_attribute("textContent"))
        assert json.loads(sent)["value"] == int(text)
