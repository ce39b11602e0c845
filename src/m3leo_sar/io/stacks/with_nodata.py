"""A stack with an additional no-data value."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.stack.slc import Read, SlcStack


def with_nodata(stack: SlcStack, nodata: float | None) -> SlcStack:
    """The stack with samples of a value as NaN; unchanged without one."""
    return stack if nodata is None else replace(stack, read=partial(_valid, stack.read, nodata))


def _valid(read: Read, nodata: float, index: int, rows: slice, cols: slice) -> NDArray[Any]:
    # Imported here, as it imports GDAL, which our own container does without.
    from m3leo_sar.io.files.no_data import as_valid

    return as_valid(read(index, rows, cols), nodata)
