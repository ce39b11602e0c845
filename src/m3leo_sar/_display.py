"""A value as one line of text, and as a table for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def as_line(name: str, facts: Mapping[str, Any]) -> str:
    """Line such as ``SlcStack(dates: 3, shape: 61 x 83)``; facts that are None are omitted.

    Examples
    --------
    >>> as_line("TileGrid", {"tiles": 4, "CRS": None})
    'TileGrid(tiles: 4)'
    """
    return f"{name}({', '.join(f'{key}: {value}' for key, value in facts.items() if value is not None)})"


def as_table(name: str, facts: Mapping[str, Any], *, rows: Sequence[Mapping[str, Any]] = ()) -> str:
    """HTML table of the facts, followed by one of ``rows``, which have the same columns.

    Examples
    --------
    >>> as_table("TileGrid", {"tiles": 4})
    '<table><caption>TileGrid</caption><tr><th>tiles</th><td>4</td></tr></table>'
    """
    lines = [(key, value) for key, value in facts.items() if value is not None]
    body = "".join(f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in lines)
    table = f"<table><caption>{escape(name)}</caption>{body}</table>"
    if not rows:
        return table
    head = "".join(f"<th>{escape(str(key))}</th>" for key in rows[0])
    cells = ("".join(f"<td>{escape(str(value))}</td>" for value in row.values()) for row in rows)
    return f"{table}<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in cells)}</table>"
