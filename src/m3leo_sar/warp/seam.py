"""A tile across both ends of a global raster: the columns of the two turns side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.antimeridian import unwrapped
from m3leo_sar.warp.pixel_map import PixelMap


def joined_ends(source: Any, pixel_map: PixelMap, *, margin: int, nodata: int | None) -> tuple[Any, PixelMap]:
    """Source and map unchanged, or, where the tile crosses the ends of the source, as one raster without a seam.

    Parameters
    ----------
    source : (bands, rows, cols) array
        Longitudes run along its columns.
    pixel_map : PixelMap
        Positions; those of a tile across the ends are at both ends.
    margin : int
        Additional columns on each side, as many as the kernel needs.
    nodata : int, optional
        Value of columns missing from the source, for bool and integers; NaN for others.

    Returns
    -------
    source : (bands, rows, cols) array
        Only the columns around the tile, in order.
    pixel_map : PixelMap
        Positions in them.
    """
    # Polynomial positions have no jump.
    if pixel_map.turn is None or pixel_map.places.terms:
        return source, pixel_map
    turn, cols = pixel_map.turn, pixel_map.cols
    if not any((np.abs(np.diff(cols, axis=axis)) > turn / 2).any() for axis in (0, 1)):
        return source, pixel_map
    known = np.isfinite(cols)
    cols = _in_one_piece(cols, known, turn)
    first, last = math.floor(cols[known].min()) - margin, math.ceil(cols[known].max()) + margin
    column = np.arange(first, last + 1) % turn
    lacking = column >= source.shape[2]
    backend = backend_of(source)
    joined = source[..., backend.to_device(np.where(lacking, 0, column))]
    if lacking.any():
        joined[..., backend.to_device(lacking)] = math.nan if nodata is None else nodata
    shape = (int(joined.shape[1]), int(joined.shape[2]))
    return joined, PixelMap(pixel_map.rows, cols - first, shape, error=pixel_map.error, scale=pixel_map.scale)


def _in_one_piece(cols: np.ndarray, known: np.ndarray, turn: int) -> np.ndarray:
    """Positions shifted by whole turns to be next to their neighbours."""
    if known.all():
        # From neighbour to neighbour, as the two sides of a tile around the globe are equally far from its centre.
        cols = unwrapped(cols, turn, axis=1)
        return cols + (unwrapped(cols[:, :1], turn, axis=0) - cols[:, :1])
    middle = cols[known][known.sum() // 2]
    return cols - turn * np.round((cols - middle) / turn)
