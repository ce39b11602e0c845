"""Interferograms of NumPy stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import interferogram as kernel


def interferogram_pairs(
    slcs: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]], rows: int, cols: int
) -> np.ndarray:
    """Mean of reference x conj(secondary) over ``rows`` by ``cols`` looks, (pairs, rows, cols)."""
    images = [np.ascontiguousarray(slc) for slc in slcs]
    size = images[0].shape
    out = np.empty((len(pairs), size[0] // rows, size[1] // cols), images[0].dtype)
    for plane, (first, second) in zip(out, pairs, strict=True):
        kernel.interferogram(as_parts(images[first]), as_parts(images[second]), rows, cols, as_parts(plane))
    return out
