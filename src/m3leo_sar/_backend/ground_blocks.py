"""How many blocks of ground a search for layover and shadow knows the bounds of (ext/warp/shade.h)."""

from __future__ import annotations


def block_shape(rows: int, cols: int) -> tuple[int, int, int, int]:
    """Levels, planes, rows and columns of the bounds; blocks are 8 pixels wide at first, all of the ground at last."""
    levels = max((max(rows, cols) - 2).bit_length() - 2, 1)
    return levels, 3, (rows - 2) // 8 + 1, (cols - 2) // 8 + 1
