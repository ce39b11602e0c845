"""Images that lie side by side or overlap on one grid, read as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Part(NamedTuple):
    """An image and the row and column of the mosaic at which it begins."""

    row: int
    col: int
    shape: tuple[int, int]
    #: ``read(rows, cols)`` returns complex pixels of the image with no data as NaN.
    read: Callable[[slice, slice], NDArray[Any]]


def mosaic_window(parts: Iterable[Part], rows: slice, cols: slice, *, dtype: str) -> NDArray[Any]:
    """A window of the mosaic: each pixel of the first part that has data there, NaN where none has.

    Only parts that have pixels to give are read.

    Examples
    --------
    >>> ones = lambda rows, cols: np.ones((rows.stop - rows.start, cols.stop - cols.start), "complex64")
    >>> mosaic_window([Part(1, 0, (2, 3), ones)], slice(0, 2), slice(1, 4), dtype="complex64").real.tolist()
    [[nan, nan, nan], [1.0, 1.0, nan]]
    """
    whole = np.full((rows.stop - rows.start, cols.stop - cols.start), complex(np.nan, np.nan), dtype)
    for part in parts:
        down, along = _common(rows, part.row, part.shape[0]), _common(cols, part.col, part.shape[1])
        if down is None or along is None:
            continue
        into = whole[_shifted(down, -rows.start), _shifted(along, -cols.start)]
        lacking = np.isnan(into)
        if lacking.any():
            np.copyto(into, part.read(_shifted(down, -part.row), _shifted(along, -part.col)), where=lacking)
    return whole


def _common(window: slice, start: int, size: int) -> slice | None:
    first, last = max(window.start, start), min(window.stop, start + size)
    return slice(first, last) if first < last else None


def _shifted(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)
