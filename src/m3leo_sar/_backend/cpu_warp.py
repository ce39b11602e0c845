"""Values of NumPy rasters at fractional positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar._backend.words import as_parts, as_words, fill_words
from m3leo_sar._ext import warp


def warp_nearest(source: np.ndarray, rows: np.ndarray, cols: np.ndarray, fill: Any) -> np.ndarray:
    """Nearest pixel of (bands, rows, cols) at each position, ``fill`` off the source."""
    source = np.ascontiguousarray(source)
    out = np.empty((len(source), *rows.shape), source.dtype)
    rows, cols = np.ascontiguousarray(rows), np.ascontiguousarray(cols)
    warp.nearest(as_words(source), rows, cols, fill_words(fill, source.dtype), as_words(out))
    return out


def warp_bilinear(source: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Bilinear value of (bands, rows, cols) at each position, NaN off the source."""
    source = np.ascontiguousarray(source)
    out = np.empty((len(source), *rows.shape), source.dtype)
    warp.bilinear(as_parts(source), np.ascontiguousarray(rows), np.ascontiguousarray(cols), as_parts(out))
    return out


def warp_kernel(
    source: np.ndarray, rows: np.ndarray, cols: np.ndarray, kind: int, scale: tuple[float, float]
) -> np.ndarray:
    """Value of (bands, rows, cols) under a kernel at each position, NaN off the source."""
    source = np.ascontiguousarray(source)
    out = np.empty((len(source), *rows.shape), source.dtype)
    rows, cols = np.ascontiguousarray(rows), np.ascontiguousarray(cols)
    warp.kernel(as_parts(source), rows, cols, kind, *scale, as_parts(out))
    return out
