"""Files of classes: code, name and colour of each."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from m3leo_sar.io.files.limits import LARGEST_TEXT

#: Columns of a CSV; the last may be left out.
COLUMNS = ("code", "name", "colour")


def read_classes(path: str | os.PathLike[str]) -> Any:
    """Classes of a file as plain values, in a form that :func:`m3leo_sar.chips.land_cover.read_legend` reads.

    Parameters
    ----------
    path : path
        A CSV with the columns ``code``, ``name`` and, if wished, ``colour`` (``#rrggbb``); or a JSON file with a list
        of such entries, or with names by code.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is too large or has another form.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.stat().st_size > LARGEST_TEXT:
        raise ValueError(f"{file} must have at most {LARGEST_TEXT} bytes, got {file.stat().st_size}")
    try:
        text = file.read_text(encoding="utf-8-sig")
        return json.loads(text) if file.suffix.lower() == ".json" else _rows(text)
    except (ValueError, RecursionError, csv.Error) as error:
        raise ValueError(f"{file} is not a file of classes: {error}") from error


def _rows(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    if not {"code", "name"} <= set(names) <= set(COLUMNS):
        raise ValueError(f"its columns must be {', '.join(COLUMNS)}, got {', '.join(names) or 'none'}")
    reader.fieldnames = names
    return [{key: value.strip() for key, value in row.items() if key and isinstance(value, str)} for row in reader]
