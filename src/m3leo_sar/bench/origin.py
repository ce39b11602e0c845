"""A provenance note in a folder, so that data of a different origin are not mistaken for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from m3leo_sar.io.files.atomic import is_free, write_text

#: File name of the note.
MADE_FROM = "made-from.json"
_REMEDY = "remove it, or choose another output folder"


def require_origin(folder: Path, facts: Mapping[str, Any]) -> None:
    """Record the origin of a folder before it is created, or reject a folder of a different origin.

    The note is written before anything else, so that the output of an interrupted run can be identified too.

    Parameters
    ----------
    folder : path
    facts : mapping of str to JSON-serialisable values

    Raises
    ------
    ValueError
        If the folder was created from other facts, or has contents but no note.
    OSError
        If it is not writable.
    """
    wanted, path = json.loads(json.dumps(facts)), folder / MADE_FROM
    if not path.is_file():
        if not is_free(folder):
            raise ValueError(f"{folder} has no {MADE_FROM}, as of an earlier version; {_REMEDY}")
        write_text(path, json.dumps(wanted, indent=1, sort_keys=True) + "\n")
        return
    found = _read(path)
    # In the caller's order, which starts with the most informative fact.
    for name in dict.fromkeys([*wanted, *found]):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{folder} was made with {name} {found.get(name)}, this benchmark has {wanted.get(name)}; {_REMEDY}"
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} is damaged: it must be a JSON object, got {type(found).__name__}")
    return found
