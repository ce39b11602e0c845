"""Sizes of tables that kernels fill, as in their headers."""

from __future__ import annotations

#: Bins of a histogram over [0, 1] (ext/chips/histogram.h).
BINS = 4096
#: Valid values, sum, sum of squares, smallest, largest, number below 0, number above 1.
MOMENTS = 7


def block_shape(rows: int, cols: int) -> tuple[int, int, int, int]:
    """Ground blocks with known bounds in the search for layover and shadow (ext/warp/shade.h).

    Levels, rows, columns and planes of the bounds; from blocks of 8 pixels to the whole ground.
    """
    levels = max((max(rows, cols) - 2).bit_length() - 2, 1)
    return levels, (rows - 2) // 8 + 1, (cols - 2) // 8 + 1, 5
