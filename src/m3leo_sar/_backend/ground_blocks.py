"""Number of ground blocks with known bounds in the search for layover and shadow (ext/warp/shade.h)."""

from __future__ import annotations


def block_shape(rows: int, cols: int) -> tuple[int, int, int, int]:
    """Levels, rows, columns and planes of the bounds; from blocks of 8 pixels to the whole ground."""
    levels = max((max(rows, cols) - 2).bit_length() - 2, 1)
    return levels, (rows - 2) // 8 + 1, (cols - 2) // 8 + 1, 5
