"""Image lines that are exactly zero although zero is not declared as no data."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.stack.slc import SlcStack

#: Minimum number of columns of a line to examine: a few consecutive zeros may be shadow in integer data.
_COLUMNS = 32


class ZeroLines:
    """Warns once per image with entire lines of exact zeros.

    Notes
    -----
    Processors fill areas without a burst with zeros. Treated as values, these halve coherence along the seam.
    """

    def __init__(self) -> None:
        self._reported: set[str] = set()

    def look(self, pixels: NDArray[Any], rows: slice, name: str, *, width: int) -> None:
        """Examine pixels as read.

        Parameters
        ----------
        pixels : (rows, cols) complex
        rows : slice
            Their rows in the image.
        name : str
            Name of the image.
        width : int
            Columns of the full image.

        Warns
        -----
        UserWarning
            If the valid samples of a line are all exactly zero, the first time for each name.
        """
        if name in self._reported or pixels.shape[1] < min(width, _COLUMNS):
            return
        # For most lines, one column is sufficient.
        lines = np.flatnonzero((pixels[:, :: max(1, pixels.shape[1] // 8)] == 0).any(axis=1))
        lines = lines[_is_zero(pixels[lines])]
        if lines.size == 0:
            return
        self._reported.add(name)
        warnings.warn(
            f"{name}: whole lines are exactly zero, such as line {rows.start + int(lines[0])}, as the fill of a "
            "missing burst is; zero counts as a value. If it is no data, say so with nodata=0 (--nodata 0)",
            stacklevel=2,
        )


def _is_zero(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the valid samples of each line are all zero."""
    return ((pixels == 0) | np.isnan(pixels)).all(axis=1)


def watched_for_zeros(stack: SlcStack) -> SlcStack:
    """The stack with a warning per date with entire lines of exact zeros, issued when they are read."""
    return replace(stack, read=partial(_watched, stack, ZeroLines()))


def _watched(stack: SlcStack, zeros: ZeroLines, index: int, rows: slice, cols: slice) -> NDArray[Any]:
    pixels = stack.read(index, rows, cols)
    polarisation, date = divmod(index, len(stack.dates))
    part = f" {stack.polarisations[polarisation]}" if len(stack.polarisations) > 1 else ""
    zeros.look(pixels, rows, f"{stack.name}{part} of {stack.dates[date]}", width=stack.shape[2])
    return pixels
