"""A note in a folder of what it was made from, so that nothing made from something else is taken for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from m3leo_sar.io.files.atomic import is_free, write_text

#: The note's name.
MADE_FROM = "made-from.json"
_REMEDY = "remove it, or take another output folder"


def require_origin(folder: Path, facts: Mapping[str, Any]) -> None:
    """Note what a folder is about to be made from, or refuse one that was made from something else.

    The note comes before anything else does, so that what a killed run left is told apart too.

    Parameters
    ----------
    folder : path
    facts : mapping of str to anything JSON can hold

    Raises
    ------
    ValueError
        If the folder was made from other facts, or holds something and no note.
    OSError
        If it cannot be written to.
    """
    wanted, path = json.loads(json.dumps(facts)), folder / MADE_FROM
    if not path.is_file():
        if not is_free(folder):
            raise ValueError(f"{folder} has no {MADE_FROM}, as of an earlier version; {_REMEDY}")
        write_text(path, json.dumps(wanted, indent=1, sort_keys=True) + "\n")
        return
    found = _read(path)
    # In the caller's order, who names first what tells a person most.
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
