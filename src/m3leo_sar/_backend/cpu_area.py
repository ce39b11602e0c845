"""Area resampling of NumPy rasters."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts, as_words, fill_words
from m3leo_sar._ext import area as kernel


def area_value(source: np.ndarray, rows: np.ndarray, cols: np.ndarray, rule: int) -> np.ndarray:
    """Mean (0), sum (1), minimum (2) or maximum (3) of (bands, rows, cols) between the corners of each tile pixel."""
    source = np.ascontiguousarray(source)
    out = empty((len(source), rows.shape[0] - 1, rows.shape[1] - 1), source.dtype)
    kernel.value(as_parts(source), np.ascontiguousarray(rows), np.ascontiguousarray(cols), rule, as_parts(out))
    return out


def area_mode(source: np.ndarray, rows: np.ndarray, cols: np.ndarray, nodata: Any) -> np.ndarray:
    """Most common label of (bands, rows, cols) between the corners of each tile pixel."""
    source = np.ascontiguousarray(source)
    out = empty((len(source), rows.shape[0] - 1, rows.shape[1] - 1), source.dtype)
    fill = fill_words(nodata, source.dtype)
    corners = np.ascontiguousarray(rows), np.ascontiguousarray(cols)
    kernel.mode(as_words(source)[..., 0], *corners, fill, as_words(out)[..., 0])
    return out
