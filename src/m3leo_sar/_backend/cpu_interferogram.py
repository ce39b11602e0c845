"""Interferograms of NumPy stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import interferogram as kernel

#: Bytes per block of rows of all dates, processed pair by pair.
_CACHED = 4 << 20


def interferogram_pairs(
    slcs: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    looks: tuple[int, int],
    min_valid: float,
    phases: Sequence[np.ndarray],
) -> np.ndarray:
    """Mean of reference x conj(secondary) over ``looks`` rows and columns, (pairs, rows, cols).

    ``phases`` is empty, or one plane of radians per pair to subtract first.
    """
    rows, cols = looks
    images = [np.ascontiguousarray(slc) for slc in slcs]
    size = images[0].shape
    out = empty((len(pairs), size[0] // rows, size[1] // cols), images[0].dtype)
    turns = [np.ascontiguousarray(phase, np.float64) for phase in phases]
    # A block of rows of all dates at a time, so that each is read from memory once for all its pairs.
    lines = max(1, _CACHED // (len(images) * images[0].itemsize * size[1] * rows)) if len(pairs) > 1 else out.shape[1]
    for start in range(0, out.shape[1], lines):
        here = slice(start, start + lines)
        read = slice(start * rows, (start + lines) * rows)
        for index, (first, second) in enumerate(pairs):
            phase = turns[index][read] if turns else None
            parts = as_parts(images[first][read]), as_parts(images[second][read])
            kernel.interferogram(*parts, phase, rows, cols, min_valid, as_parts(out[index, here]))
    return out
