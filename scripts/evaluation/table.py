"""Figures as rows, and rows as a table for people: in Markdown, aligned, so that it can be put into a README."""

from __future__ import annotations

from collections.abc import Sequence

Row = dict[str, "str | int | float | None"]
"""Column -> figure; None where there is none."""
Report = dict[str, list[Row]]
"""Title -> rows."""


def write(report: Report) -> str:
    """All tables of a report that have rows, each below its title and with an empty line at its end."""
    return "".join(f"{title}:\n\n{table(rows)}\n\n" for title, rows in report.items() if rows)


def table(rows: Sequence[Row]) -> str:
    """One table; its columns are those of all rows."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, *([text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    is_text = [all(isinstance(row.get(column), str | None) for row in rows) for column in columns]
    lines = [
        "| " + " | ".join(c.ljust(w) if t else c.rjust(w) for c, w, t in zip(line, widths, is_text, strict=True)) + " |"
        for line in cells
    ]
    rules = ["-" * (w + 2) if t else "-" * (w + 1) + ":" for w, t in zip(widths, is_text, strict=True)]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def text(figure: str | int | float | None) -> str:
    """A figure as it is shown: nothing for None."""
    return "" if figure is None else f"{figure:g}" if isinstance(figure, float) else str(figure)
