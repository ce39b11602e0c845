"""The result of a command: one set of facts, printed as tables and sentences or as one JSON document."""

from __future__ import annotations

import datetime
import json
import math
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from m3leo_sar.app.manner import manner
from m3leo_sar.app.option_names import with_options
from m3leo_sar.app.progress import ERR, FAULTS, LISTS, OUT

#: Version of the JSON document; it rises when a key is renamed or removed.
SCHEMA = 1
#: Reasons that are printed of those that tiles or files were left out for.
_MOST_REASONS = 3
#: Most characters of a first column that is never broken, such as a pair or the identifier of a burst.
_WHOLE = 24
#: A cell's value: the name of its fact, or a function of the row.
Column = str | Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What a command found or made.

    Parameters
    ----------
    facts : mapping
        By name; a name with spaces is a key with underscores in JSON.
    rows : sequence of mappings
        Entries of a list, all with the same names.
    skipped, failed : mapping of str to str
        What was left out and what failed, such as tiles, with the reason of each.
    ledger : Path, optional
        File that holds the reason of everything that failed.
    notes : sequence of str
        Remarks.
    sentences : sequence of str
        The same facts for people, who see no JSON.
    faults : sequence of str
        Further sentences, on what cannot be read or made; a quiet command prints them on standard error, and so does
        one that prints JSON.
    title : str, optional
        Title of the table.
    columns : mapping of str to str or callable, optional
        Columns of the table of rows by their headings; by default all names. Empty: no table.
    fact_table : mapping of str to object, optional
        Facts that people see as a table.
    following : sequence of sequences of str
        Commands that may be typed next.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    ledger: Path | None = None
    notes: Sequence[str] = ()
    sentences: Sequence[str] = ()
    faults: Sequence[str] = ()
    title: str | None = None
    columns: Mapping[str, Column] | None = None
    fact_table: Mapping[str, Any] | None = None
    following: Sequence[Sequence[object]] = ()


def show(result: CommandResult) -> None:
    """Print a result in the manner of the command."""
    if manner().as_json:
        _print_json(result)
        _print_faults(result)
        return
    _print_tables(result)
    _print_faults(result)
    for sentence in result.sentences:
        OUT.print(sentence, markup=False, soft_wrap=True)
    for note in result.notes:
        ERR.print(f"note: {note}", markup=False, soft_wrap=True)
    for line in reason_lines("failed", result.failed, result.ledger):
        FAULTS.print(line, markup=False, soft_wrap=True)
    # After a failure the sentence that says so is the last.
    if result.following and not result.failed:
        lines = [" ".join(_word(word) for word in command) for command in result.following]
        ERR.print("next: " + "\n      ".join(lines), markup=False, soft_wrap=True)


def reason_lines(word: str, reasons: Mapping[str, str], ledger: Path | None = None) -> list[str]:
    """What tiles or files were left out for: a line per reason, and how many more there are.

    Parameters
    ----------
    word : str
        Such as ``"failed"``.
    reasons : mapping of str to str
        Reason by name.
    ledger : Path, optional
        File of the run that holds every reason.

    Examples
    --------
    >>> from m3leo_sar.app.command_result import reason_lines
    >>> reason_lines("failed", {"a": "no data", "b": "no data"})
    ['failed: a and 1 more: no data']
    """
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    lines = []
    for reason, some in list(names.items())[:_MOST_REASONS]:
        others = f" and {len(some) - 1} more" if len(some) > 1 else ""
        lines.append(f"{word}: {some[0]}{others}: {with_options(reason)}")
    more = sum(len(some) for some in list(names.values())[_MOST_REASONS:])
    where = f", see {ledger}" if ledger else ""
    return lines + ([f"{word}: and {more} more{where}"] if more else [])


def facts_table(facts: Mapping[str, Any], title: object = None) -> Table:
    """Table of facts; a long value, such as a path, is broken and never cut."""
    table = Table(title=None if title is None else escape(str(title)), title_justify="left")
    table.add_column("fact", overflow="fold")
    table.add_column("value", overflow="fold")
    for name, value in facts.items():
        if value is not None:
            table.add_row(escape(name), escape(cell(value)))
    return table


def rows_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column] | None = None, title: object = None
) -> Table:
    """Table of rows, each with its columns; a cell is broken and never cut."""
    chosen = columns if columns is not None else {name.replace("_", " "): name for name in rows[0]}
    cells = [[cell(_value(row, column)) for column in chosen.values()] for row in rows]
    texts = [[heading, *column] for heading, column in zip(chosen, zip(*cells, strict=True), strict=True)]
    least = [max(len(word) for text in column for word in text.split() or [""]) for column in texts]
    # Where they fit: no word is broken.
    fits = sum(least) + 3 * len(least) + 1 <= LISTS.width
    table = Table(title=None if title is None else escape(str(title)), title_justify="left")
    for index, heading in enumerate(chosen):
        # The first column says which row this is.
        widest = max(map(len, texts[index])) if index == 0 else 0
        width = max(widest if widest <= _WHOLE else 0, least[index] if fits else 0)
        table.add_column(heading, overflow="fold", min_width=width or None)
    for line in cells:
        table.add_row(*map(escape, line))
    return table


def cell(value: Any) -> str:
    """A value as the text of a table.

    Examples
    --------
    >>> cell(datetime.date(2023, 3, 1)), cell(True), cell(0.123456), cell([1, 2]), cell(None)
    ('2023-03-01', 'yes', '0.1235', '1, 2', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(one) for one in value)
    return str(value)


def plain(value: Any) -> Any:
    """A value as JSON holds it: dates by ISO 8601, unknown numbers as null.

    Examples
    --------
    >>> plain({"first line": datetime.date(2023, 3, 1), "share": float("nan")})
    {'first_line': '2023-03-01', 'share': None}
    """
    if isinstance(value, Mapping):
        return {_key(str(name)): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _key(name: str) -> str:
    return re.sub(r"\s+", "_", name.strip())


def _print_json(result: CommandResult) -> None:
    document = {
        "schema": SCHEMA,
        "command": manner().command,
        "facts": plain(result.facts),
        "rows": plain(result.rows),
        "skipped": {name: with_options(reason) for name, reason in result.skipped.items()},
        "failed": {name: with_options(reason) for name, reason in result.failed.items()},
        "notes": list(result.notes),
    }
    # Not by rich, which breaks long lines.
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def _print_faults(result: CommandResult) -> None:
    console = FAULTS if manner().as_json or manner().quiet else OUT
    for fault in result.faults:
        console.print(fault, markup=False, soft_wrap=True)


def _print_tables(result: CommandResult) -> None:
    if result.fact_table is not None:
        LISTS.print(facts_table(result.fact_table, result.title))
    if result.rows and (result.columns is None or result.columns):
        LISTS.print(rows_table(result.rows, result.columns, None if result.fact_table is not None else result.title))


def _value(row: Mapping[str, Any], column: Column) -> Any:
    return row.get(column) if isinstance(column, str) else column(row)


def _word(word: object) -> str:
    """A word of a command as a shell takes it; a place for a name, such as STACKS, stays as it is."""
    return shlex.quote(str(word))
