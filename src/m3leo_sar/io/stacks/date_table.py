"""A table beside the files of a stack, ``dates.csv``, that states their dates and polarisations."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS
from m3leo_sar.io.stacks.stack_reader import Product
from m3leo_sar.stack.pairs import parse_date

#: Name of the table.
DATE_TABLE = "dates.csv"
_COLUMNS = ("file", "date", "polarisation")


def described(folder: Path, paths: Sequence[Path]) -> list[Product]:
    """Products at paths, with the dates and polarisations of the folder's table if it has one.

    Parameters
    ----------
    folder : Path
        Searched for ``dates.csv``, with the columns ``file`` (relative to the folder), ``date`` and, optionally,
        ``polarisation``.
    paths : sequence of Path

    Returns
    -------
    list of Product
        If there is a table, those that it names.

    Raises
    ------
    ValueError
        If the table is damaged, names a file that is not among ``paths``, or names one twice; the message states the
        line.
    """
    table = folder / DATE_TABLE
    if not folder.is_dir() or not table.is_file():
        return [Product(path) for path in paths]
    known = {path.resolve(): path for path in paths}
    found: dict[Path, Product] = {}
    for number, row in enumerate(_rows(table), start=2):
        try:
            product = _product(folder, known, row)
            if product.date is not None and product.path in found:
                raise ValueError(f"{product.path.name} is named twice")
        except ValueError as error:
            raise ValueError(f"{table}, line {number}: {error}") from error
        found[product.path] = product
    if not found:
        raise ValueError(f"{table} names no file")
    return list(found.values())


def dates_of_positions(folder: Path, name: str, count: int) -> list[datetime.date] | None:
    """Dates of the images within one file, from lines ``NAME/0``, ``NAME/1`` ... of a table; None without a table.

    Raises
    ------
    ValueError
        If the table is damaged, or does not name each of the ``count`` images.
    """
    table = folder / DATE_TABLE
    if not table.is_file():
        return None
    found = {(row.get("file") or "").strip(): (row.get("date") or "").strip() for row in _rows(table)}
    missing = [index for index in range(count) if f"{name}/{index}" not in found]
    if missing:
        raise ValueError(f"{table} must have a line {name}/{missing[0]} with the date of that image")
    try:
        return [parse_date(found[f"{name}/{index}"]) for index in range(count)]
    except ValueError as error:
        raise ValueError(f"{table}: {error}") from error


def _rows(table: Path) -> list[dict[str, str | None]]:
    reader = csv.DictReader(StringIO(read_text(table), newline=""))
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        if not {"file", "date"} <= set(names) <= set(_COLUMNS):
            raise ValueError(f"{table} must have the columns file and date, and may have polarisation, got {names}")
        reader.fieldnames = names
        return list(reader)
    except csv.Error as error:
        raise ValueError(f"{table} is not a table of dates: {error}") from error


def _product(folder: Path, known: dict[Path, Path], row: dict[str, str | None]) -> Product:
    name, date, polarisation = ((row.get(column) or "").strip() for column in _COLUMNS)
    path = known.get((folder / name).resolve())
    if path is None and (store := known.get((folder / name).parent.resolve())) is not None:
        # An image within a file, whose reader asks for its date.
        return Product(store)
    if not name or path is None:
        raise ValueError(f"file must be an image of this folder, got {name!r}")
    if polarisation and polarisation.upper() not in POLARISATIONS:
        raise ValueError(f"polarisation must be one of {', '.join(POLARISATIONS)}, got {polarisation!r}")
    return Product(path, parse_date(date), polarisation.upper() or None)
