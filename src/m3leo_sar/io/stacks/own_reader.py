"""User-defined stack readers: a file, a module, or an entry point of an installed package."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from m3leo_sar._own_code import needs, own_module, own_names
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.io.stacks.with_nodata import with_nodata
from m3leo_sar.stack.slc import SlcStack

#: Entry-point group by which packages add readers.
ENTRY_POINTS = "m3leo_sar.stacks"
#: Start of the names of their table entries.
OWN_PREFIX = "own:"


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


def own_stack_reader(reference: str) -> StackReader:
    """Table entry of a user-defined reader.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        If there is no such reader, or it has no ``open``.
    """
    module = own_reader(reference)
    # Workers run in another folder.
    named = str(Path(reference).resolve()) if reference.endswith(".py") else reference
    return StackReader(
        name=f"{OWN_PREFIX}{named}",
        holds=f"what {reference} reads",
        expects=f"what {reference} recognises",
        find=partial(_find, module),
        open=partial(_open, named),
    )


def installed_readers() -> Iterator[StackReader]:
    """Table entries of the readers that installed packages register, in order of their names."""
    return map(own_stack_reader, own_names(ENTRY_POINTS))


def _find(module: Any, path: Path) -> list[Path]:
    return [path] if path.is_dir() and hasattr(module, "recognises") and module.recognises(path) else []


def _open(reader: str, products: Sequence[Product], choice: Choice) -> OpenedStack:
    path = products[0].path.resolve()
    refuse_choice(choice, ("frequency", "geometry"), f"a reader of your own ({reader})")
    stack = read_own_stack(path, reader, burst=choice.burst, polarisation=choice.polarisation)
    return OpenedStack(
        stack=with_nodata(stack, choice.nodata),
        products=(Product(path),),
        files=lambda: _files(path, reader, stack),
        chosen=choice,
        polarisations=(stack.polarisation,),
    )


def _files(path: Path, reader: str, stack: SlcStack) -> dict[str, tuple[Path, ...]]:
    files = files_of_dates(path, reader, stack.dates)
    return {f"{date:%Y%m%d}": files[date] for date in stack.dates}


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
