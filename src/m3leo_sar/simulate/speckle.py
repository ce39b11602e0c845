"""Speckle: circular Gaussian noise, the same in any window."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Side in pixels of the blocks of noise, each drawn from its own seed.
BLOCK = 256


def speckle(seed: int, layer: int, rows: slice, cols: slice) -> NDArray[np.complex64]:
    """Independent circular Gaussian samples of unit mean intensity, (rows, cols) complex64."""
    out = np.empty((rows.stop - rows.start, cols.stop - cols.start), np.complex64)
    for top in range(rows.start // BLOCK * BLOCK, rows.stop, BLOCK):
        for left in range(cols.start // BLOCK * BLOCK, cols.stop, BLOCK):
            first_row, last_row = max(top, rows.start), min(top + BLOCK, rows.stop)
            first_col, last_col = max(left, cols.start), min(left + BLOCK, cols.stop)
            block = _block(seed, layer, top // BLOCK, left // BLOCK)
            out[first_row - rows.start : last_row - rows.start, first_col - cols.start : last_col - cols.start] = block[
                first_row - top : last_row - top, first_col - left : last_col - left
            ]
    return out


# Each date needs the noise of all earlier ones: without memory a stack would draw it once for every later date.
@lru_cache(maxsize=256)
def _block(seed: int, layer: int, row: int, col: int) -> NDArray[np.complex64]:
    rng = np.random.default_rng((seed, 2, layer, row, col))
    block = rng.standard_normal((BLOCK, BLOCK, 2), np.float32).view(np.complex64)[..., 0] * np.float32(np.sqrt(0.5))
    block.flags.writeable = False
    return block
