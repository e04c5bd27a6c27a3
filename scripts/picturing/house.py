"""The structure of the code: the rooms as pyproject.toml orders them, each with the first words of its docstring."""

from __future__ import annotations

import ast
import html
import re
import tomllib
from pathlib import Path

from scripts.picturing.browser import screenshot

ROOT = Path(__file__).parents[2]
WIDTH = 1100
CONTRACT = "Each room imports only rooms below it"
STYLE = """<meta charset=utf-8><style>
body { margin: 0; padding: 20px; font: 14px/1.35 'DejaVu Sans', sans-serif; background: #f4f2ec; color: #1d2327 }
.floor { display: flex; gap: 8px; margin-bottom: 8px }
.floor div { flex: 1; background: #fff; border: 1px solid #c9cfd4; border-left: 5px solid #0b5a7a; border-radius: 6px;
  padding: 6px 10px } strong { color: #0b5a7a } p { margin: 10px 0 0; color: #56606a }
</style>"""


def draw(folder: Path) -> bytes:
    """As PNG."""
    page = folder / "house.html"
    rows = "".join(f"<div class=floor>{''.join(map(_room, floor))}</div>" for floor in floors())
    page.write_text(f"{STYLE}{rows}<p>A room imports only rooms below it.</p>")
    return screenshot(page, WIDTH)


def floors() -> list[list[str]]:
    """The rooms from top to bottom, as import-linter checks them; those of one floor do not import each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["name"] == CONTRACT]
    return [[room.strip() for room in layer.split("|")] for layer in layers if layer != "__main__"]


def _room(name: str) -> str:
    return f"<div><strong>{name}</strong><br>{html.escape(sentence(name))}</div>"


def sentence(room: str) -> str:
    """What a room is, in its own words."""
    package = ROOT / "edge_daemon" / room
    file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    first = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")[0]
    return re.split(r"[.;] ", " ".join(first.split()))[0].rstrip(".").replace("`", "")
