"""Inverse of a radar grid's geolocation for NumPy arrays."""

from __future__ import annotations

import numpy as np

from m3leo_sar._ext import geolocate


def geolocate_inverse(
    tile_row: np.ndarray, tile_col: np.ndarray, tile_shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Radar (row, col) of every tile pixel centre, NaN where no cell contains it."""
    owner = np.zeros(tile_shape, np.int64)
    rows, cols = np.empty(tile_shape), np.empty(tile_shape)
    geolocate.inverse(np.ascontiguousarray(tile_row), np.ascontiguousarray(tile_col), owner, rows, cols)
    return rows, cols
