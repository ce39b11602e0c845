"""User-defined stack readers: a file, a module, or an entry point of an installed package."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from m3leo_sar._own_code import needs, own_module, own_names
from m3leo_sar.stack.slc import SlcStack

#: Entry-point group by which packages add readers.
ENTRY_POINTS = "m3leo_sar.stacks"


def own_reader(reference: str) -> Any:
    """Module of a reader: ``open(path, *, burst, polarisation)`` returns an SlcStack.

    It may also define ``recognises(path) -> bool``, so that an installed reader is selected automatically, and
    ``files(path) -> {date: [path, ...]}``, so that a run can identify the chips that are stale after a file changed.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        If there is no such reader, or it has no ``open``.
    """
    return needs(own_module(reference, group=ENTRY_POINTS, what="reader"), ["open"], what="reader")


def recognised(path: Path) -> str | None:
    """Name of the installed reader that recognises the data at ``path``, if any."""
    for name in own_names(ENTRY_POINTS):
        reader = own_reader(name)
        if hasattr(reader, "recognises") and reader.recognises(path):
            return name
    return None


def read_own_stack(
    path: str | os.PathLike[str], reader: str, *, burst: str | None = None, polarisation: str | None = None
) -> SlcStack:
    """Open a stack with a user-defined reader.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``, or no such reader.
    TypeError
        If the reader does not return an SlcStack.
    ValueError
        If the reader has no ``open``.
    """
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"there is no file or folder {place}")
    stack = own_reader(reader).open(place, burst=burst, polarisation=polarisation)
    if not isinstance(stack, SlcStack):
        raise TypeError(f"open of the reader {reader} must return an SlcStack, got {type(stack).__name__}")
    return stack


def files_of_dates(path: Path, reader: str, dates: Sequence[datetime.date]) -> Mapping[datetime.date, tuple[Path, ...]]:
    """Source files of each date; all files of the folder for each date if the reader does not specify them."""
    module = own_reader(reader)
    if hasattr(module, "files"):
        return {date: tuple(map(Path, files)) for date, files in module.files(path).items()}
    everything = (path,) if path.is_file() else tuple(sorted(found for found in path.rglob("*") if found.is_file()))
    return dict.fromkeys(dates, everything)
