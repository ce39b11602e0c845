"""The samples that a pixel grid needs of one image, and the place of its pixels among them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import margin_of

#: ``read(polarisation, date, rows, cols)``: samples of two slices of the part, complex64 or complex128.
ReadPart = Callable[[str, datetime.date, slice, slice], NDArray[Any]]
#: Kernel from the samples to the pixels of a grid, as of ``prepare``.
RESAMPLING = "bilinear"


class Unreadable(OSError):
    """Samples or chips that cannot be read at present: their file is damaged, or gone."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GridPart:
    """What a grid needs of one image of every date.

    Parameters
    ----------
    key : hashable
        Name of the samples; equal keys have equal samples.
    read : callable
        As ``ReadPart``.
    shape : (int, int)
        Rows and columns of the samples, halo included.
    positions : PixelMap
        Of the grid's pixels among the samples.
    mask : (rows, cols) bool, optional
        Pixels of the grid that this part gives; all by default.
    """

    key: Hashable
    read: ReadPart
    shape: tuple[int, int]
    positions: PixelMap
    mask: NDArray[np.bool_] | None = None

    @property
    def nbytes(self) -> int:
        """Most bytes of the positions, each a row and a column, and of the mask."""
        return 16 * int(np.prod(self.positions.shape)) + (0 if self.mask is None else self.mask.nbytes)

    def around(self, row: int, col: int, window: Window) -> tuple[slice, slice, PixelMap] | None:
        """Samples that one pixel of the grid needs, and its place among them; None if it lies off the part."""
        if self.mask is not None and not self.mask[row, col]:
            return None
        whole = self.positions
        down, along = whole.rows[row : row + 1, col : col + 1], whole.cols[row : row + 1, col : col + 1]
        pixel = PixelMap(down.copy(), along.copy(), self.shape, scale=whole.scale)
        try:
            spans = pixel.window(margin=margin_of(whole, RESAMPLING))
        except ValueError:
            return None
        rows, cols = (
            slice(max(0, span.start - before), min(size, span.stop + after))
            for span, size, before, after in zip(spans, self.shape, window.before, window.after, strict=True)
        )
        return rows, cols, pixel.relative_to(rows, cols)
