"""The program in one picture: a page with numbers, the readings, a phone."""

from __future__ import annotations

import html
from pathlib import Path

import cv2

from edge_daemon.images import data_url
from edge_daemon.tools.annotate import annotate
from scripts.picturing import drawn
from scripts.picturing.browser import screenshot

WIDTH = 1200
NAMES = ("tank", "units", "meter")
UNITS = ("l", "pcs", "kWh")

STYLE = """<meta charset=utf-8><style>
body { margin: 0; padding: 24px; font: 16px/1.4 'DejaVu Sans', sans-serif; background: #f4f2ec; color: #1d2327 }
main { display: grid; grid-template-columns: 430px 30px 1fr 30px 220px; gap: 14px; align-items: center }
figure { margin: 0; text-align: center } figcaption { margin-top: 10px; color: #56606a }
img { width: 100%; border-radius: 10px; display: block }
b { font-size: 30px; color: #0b5a7a; text-align: center }
pre { background: #14181b; color: #eceff1; padding: 18px; border-radius: 10px; margin: 0; text-align: left;
  font: 15px/1.7 'DejaVu Sans Mono', monospace } .ok { color: #7ddb9a } .quiet { color: #a9b4bc }
.phone { border: 9px solid #1d2327; border-radius: 26px; background: #fff; padding: 16px 12px; text-align: left }
.phone div { border: 1px solid #c9cfd4; border-radius: 10px; padding: 8px 12px; margin-top: 10px }
.phone strong { font-size: 22px; display: block } .phone span { color: #56606a; font-size: 14px }
</style>"""


def draw(folder: Path) -> bytes:
    """As PNG; what it shows is read from the page that it shows."""
    picture = annotate(cv2.cvtColor(drawn.page(), cv2.COLOR_GRAY2BGR), drawn.numbers())  # type: ignore[arg-type]
    photo = data_url(cv2.imencode(".png", picture)[1].tobytes(), "png")
    lines, cards = ["<span class=quiet>field   value       sure   status</span>"], []
    for name, unit, number in zip(NAMES, UNITS, drawn.numbers(), strict=False):
        value = html.escape(f"{number.text} {unit}")
        lines.append(f"{name:8}{value:12}{number.confidence:4.0%}   <span class=ok>ok</span>")
        cards.append(f"<div><span>{name}</span><strong>{value}</strong></div>")
    page = folder / "front.html"
    page.write_text(
        f"{STYLE}<main><figure><img src='{photo}'><figcaption>a camera sees written numbers</figcaption></figure>"
        f"<b>→</b><figure><pre>{'<br>'.join(lines)}</pre><figcaption>the Pi reads them, and publishes over MQTT"
        f"</figcaption></figure><b>→</b><figure><div class=phone>{''.join(cards)}</div>"
        "<figcaption>Home Assistant shows them</figcaption></figure></main>"
    )
    return screenshot(page, WIDTH)
