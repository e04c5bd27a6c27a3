"""Lists the numeric constants of recognition: where each stands, its value, its meaning.

    python -m scripts.evaluation.constants [--json]

What is computed from other constants is left out: nobody chose it.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from edge_daemon import recognition
from scripts.evaluation import table

ROOM = Path(recognition.__file__).parent
NUMERIC = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.operator, ast.unaryop, ast.expr_context)
"""The parts of an expression that is a number, or numbers."""


def constants(room: Path) -> list[table.Row]:
    """A row for each constant of the modules in a folder."""
    return [row for path in sorted(room.glob("*.py")) for row in of_module(path)]


def of_module(path: Path) -> Iterator[table.Row]:
    """A row for each constant of a module, with the first sentence of its docstring."""
    end = ast.Pass()
    for node, after in pairwise([*ast.parse(path.read_text()).body, end]):
        if isinstance(node, ast.Assign) and is_numeric(node.value):
            name, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
            yield {"file": path.name, "constant": name, "value": value, "meaning": first_sentence(after)}


def is_numeric(value: ast.expr) -> bool:
    """Whether an expression is made of numbers alone."""
    parts = list(ast.walk(value))
    numbers = [part.value for part in parts if isinstance(part, ast.Constant)]
    return all(isinstance(part, NUMERIC) for part in parts) and all(type(n) in (int, float) for n in numbers)


def first_sentence(node: ast.stmt) -> str:
    """Of the docstring that follows a constant; "" where there is none."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return ""
    return " ".join(str(node.value.value).split()).partition(". ")[0].rstrip(".")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.evaluation.constants", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    found = constants(ROOM)
    print(json.dumps(found, indent=1) if args.json else f"{table.table(found)}\n\n{len(found)} constants")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
