"""Values that the shell completes: words of an option, and dates, pairs and tiles by the names of files alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

#: A function of typer's ``autocompletion``: the words for a context, the arguments and the word that was begun.
Completer = Callable[[Any, list[str], str], list[str]]
#: A date in the name of a file or folder, such as 20230301 or 2023-03-01.
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
#: Most files of a folder that are examined, so that a key press never waits for a large one.
_MOST_FILES = 20_000


def words(*values: str) -> Completer:
    """Completes words that are known in advance."""

    def complete(ctx: Any, args: list[str], incomplete: str) -> list[str]:
        return _begun(values, incomplete)

    return complete


def regions(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Names of regions; a file is completed by the shell."""
    from m3leo_sar.grid.regions import REGIONS

    return _begun(REGIONS, incomplete)


def stack_pairs(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Pairs of the dates of a stack on this machine."""
    dates = file_dates(_path(ctx, "stack"))
    return _begun((f"{first}_{second}" for first, second in combinations(dates, 2)), incomplete)


def product_dates(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Dates of Sentinel-1 products on this machine."""
    # The last argument is the folder of the stacks, once it is typed; it has dates of the products alone.
    found = sorted({date for folder in ctx.params.get("products") or ctx.args for date in file_dates(Path(folder))})
    return _begun((f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in found), incomplete)


def archive_tiles(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Identifiers of the tiles of an archive."""
    folders = (entry.name for entry in _entries(_path(ctx, "archive")) if entry.is_dir())
    return _begun((name for name in folders if not name.startswith((".", "_"))), incomplete)


def file_dates(path: Path | None) -> list[str]:
    """Dates ``YYYYMMDD`` in the names of a folder's entries, or of a file, in order; no file is opened.

    The dates of a folder of stacks are those of the stacks.
    """
    if path is None:
        return []
    names = [path.name] if path.is_file() else [entry.name for entry in _entries(path)]
    found = {first for name in names if (first := _date_of(name))}
    if not found and path.is_dir():
        for folder in _entries(path):
            found |= {first for entry in _entries(folder) if (first := _date_of(entry.name))}
    return sorted(found)


def _date_of(name: str) -> str | None:
    """The first date of a name: the acquisition's, where those of processing follow."""
    match = _DATE.search(name)
    return "".join(match.groups()) if match else None


def _entries(path: Path | None) -> Iterator[Path]:
    if path is None or not path.is_dir():
        return
    try:
        for count, entry in enumerate(path.iterdir()):
            if count == _MOST_FILES:
                return
            yield entry
    except OSError:
        # A folder that cannot be read completes to nothing; the command says why.
        return


def _path(ctx: Any, name: str) -> Path | None:
    """An argument that was typed before, if it is a path of this machine."""
    value = ctx.params.get(name)
    if value is None:
        # An option that still lacks its value keeps the parser from giving the arguments their names.
        names = [one.name for one in ctx.command.params if one.param_type_name == "argument"]
        value = dict(zip(names, ctx.args, strict=False)).get(name)
    return Path(value) if isinstance(value, Path) or (isinstance(value, str) and "://" not in value) else None


def _begun(values: Iterable[str], incomplete: str) -> list[str]:
    return sorted(value for value in values if value.startswith(incomplete))
