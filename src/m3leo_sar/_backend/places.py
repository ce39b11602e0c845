"""Positions of a tile's pixels in a source raster, in the form used by the kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Places(NamedTuple):
    """Positions of a tile's pixels, in source pixels.

    Parameters
    ----------
    rows, cols : float64 arrays
        Without terms, the positions themselves, (tile rows, tile cols) each. With them, (2, tile rows, terms) and (2,
        terms, tile cols): the source row is the sum over the terms of ``rows[0] @ cols[0]``, the source column that of
        ``rows[1] @ cols[1]``.
    terms : int
        0 for explicit positions, -1 for offsets from the pixel's own row and column.
    shape : (int, int)
        Rows and columns of the tile.
    origin : (float, float)
        Subtracted from the sums: the start of a crop of the source.
    """

    rows: Any
    cols: Any
    terms: int
    shape: tuple[int, int]
    origin: tuple[float, float] = (0.0, 0.0)

    def flat(self) -> tuple[np.ndarray, np.ndarray, int, tuple[float, float]]:
        """Both axes in host memory as lines, terms and origin, in the form used by the CPU kernels."""
        rows, cols = (np.ascontiguousarray(axis).reshape(-1) for axis in (self.rows, self.cols))
        return rows, cols, self.terms, self.origin
