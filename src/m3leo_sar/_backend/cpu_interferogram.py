"""Interferograms of NumPy stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import interferogram as kernel


def interferogram_pairs(
    slcs: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]], rows: int, cols: int, phases: Sequence[np.ndarray]
) -> np.ndarray:
    """Mean of reference x conj(secondary) over ``rows`` by ``cols`` looks, (pairs, rows, cols).

    ``phases`` are none, or a plane a pair of radians to take off before.
    """
    images = [np.ascontiguousarray(slc) for slc in slcs]
    size = images[0].shape
    out = empty((len(pairs), size[0] // rows, size[1] // cols), images[0].dtype)
    for index, (first, second) in enumerate(pairs):
        phase = np.ascontiguousarray(phases[index], np.float64) if phases else None
        parts = as_parts(images[first]), as_parts(images[second])
        kernel.interferogram(*parts, phase, rows, cols, as_parts(out[index]))
    return out
