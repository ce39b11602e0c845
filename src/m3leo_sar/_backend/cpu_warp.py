"""Values of NumPy rasters at fractional positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar._backend.places import Places
from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts, as_words, fill_words
from m3leo_sar._ext import warp


def warp_nearest(source: np.ndarray, places: Places, fill: Any) -> np.ndarray:
    """Nearest pixel of (bands, rows, cols) at each position, ``fill`` outside the source."""
    source = np.ascontiguousarray(source)
    out = empty((len(source), *places.shape), source.dtype)
    warp.nearest(as_words(source), *places.flat(), fill_words(fill, source.dtype), as_words(out))
    return out


def warp_bilinear(source: np.ndarray, places: Places) -> np.ndarray:
    """Bilinear value of (bands, rows, cols) at each position, NaN outside the source."""
    return warp_kernel(source, places, 0, (1.0, 1.0))


def warp_kernel(source: np.ndarray, places: Places, kind: int, scale: tuple[float, float]) -> np.ndarray:
    """Kernel-weighted value of (bands, rows, cols) at each position, NaN outside the source."""
    source = np.ascontiguousarray(source)
    out = empty((len(source), *places.shape), source.dtype)
    warp.kernel(as_parts(source), *places.flat(), kind, *scale, as_parts(out))
    return out
