"""Largest sizes that readers accept from a file's header, checked before memory is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

#: Bytes of one chip, or of one chunk that holds a part of one, once decoded; a real one is a few megabytes.
LARGEST_CHIP = 1 << 30
#: Bytes of a raster that is read whole.
LARGEST_RASTER = 8 << 30
#: Bytes of a text that is parsed as a whole: XML, JSON and YAML descriptions, areas and tables.
LARGEST_TEXT = 64 << 20
#: Bytes of a file of tiles or splits; that of a continent is a few hundred megabytes.
LARGEST_TILE_FILE = 2 << 30
#: Rows of a table, and bytes of the columns that are read at once.
LARGEST_ROWS = 100_000_000
LARGEST_TABLE = 4 << 30


class TooLarge(ValueError):
    """A size over its limit: no sign of damage."""


def require_size(what: str, size: int, largest: int) -> None:
    """Refuse sizes over a limit.

    Raises
    ------
    TooLarge
        If it is.

    Examples
    --------
    >>> require_size("a.json", 200 << 20, LARGEST_TEXT)
    Traceback (most recent call last):
        ...
    m3leo_sar.io.files.limits.TooLarge: a.json must be at most 64 MiB, got 200 MiB
    """
    if size > largest:
        raise TooLarge(f"{what} must be at most {_words(largest)}, got {_words(size)}")


def require_array(what: str, shape: Sequence[int], itemsize: int, largest: int) -> None:
    """Refuse an array by the shape and the bytes per element in its header; raises as :func:`require_size`."""
    size = math.prod(int(length) for length in shape) * itemsize
    if size > largest:
        axes = " x ".join(str(length) for length in shape)
        raise TooLarge(f"{what} must be at most {_words(largest)}, its header states {axes}, {_words(size)}")


def read_text(path: str | os.PathLike[str], *, largest: int | None = None) -> str:
    """Read a UTF-8 text of a limited size, by default ``LARGEST_TEXT``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is larger, or no UTF-8.
    """
    file = Path(path)
    limit = LARGEST_TEXT if largest is None else largest
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        require_size(file.name, size, limit)
        # No more than requested, as a file may grow meanwhile.
        content = stream.read(size)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name} must be a text in UTF-8: {error}") from error


def _words(size: int) -> str:
    return f"{size >> 20} MiB" if size >> 20 else f"{size} bytes"
