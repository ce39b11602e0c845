"""Geometry of an image in range and azimuth from scattered points of known position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.stack.geometry import RadarGeometry, StoredRadarGeometry

#: Rows and columns of a block.
_BLOCK = 256
#: Rows and columns around a window whose points take part in its triangles.
_MARGIN = 48
#: Largest shift of a point, pixels.
_JITTER = 5e-5
#: Most points in the triangles of one window.
_MOST_POINTS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Points in the image: their places in it and on the ground, sorted by row."""

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    places: NDArray[np.float64]

    def read(self, rows: slice, cols: slice, *, every: bool = False) -> RadarGeometry:
        # Imported here: most stacks are read without SciPy.
        from scipy.interpolate import LinearNDInterpolator
        from scipy.spatial import QhullError

        first, last = np.searchsorted(self.rows, (rows.start - _MARGIN, rows.stop + _MARGIN))
        part = slice(int(first), int(last))
        near = np.abs(self.cols[part] - (cols.start + cols.stop - 1) / 2) <= (cols.stop - cols.start) / 2 + _MARGIN
        points = np.stack([self.rows[part][near], self.cols[part][near]], axis=1)
        # Points on a lattice lie on common circles, which a triangulation needs seconds to resolve.
        points += np.random.default_rng(0).uniform(-_JITTER, _JITTER, points.shape)
        if len(points) > _MOST_POINTS:
            raise ValueError(
                f"there are {len(points)} points of known position in a window of {rows.stop - rows.start} x "
                f"{cols.stop - cols.start}, expected at most {_MOST_POINTS}"
            )
        grid = np.meshgrid(np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop), indexing="ij")
        try:
            found = LinearNDInterpolator(points, self.places[part][near])(*grid)
        except (QhullError, ValueError):
            # Fewer than three points, or all on one line.
            found = np.full((*grid[0].shape, 2), np.nan)
        return RadarGeometry(found[..., 0], found[..., 1])


def scattered_geometry(
    shape: tuple[int, int],
    rows: NDArray[Any],
    cols: NDArray[Any],
    latitude: NDArray[Any],
    longitude: NDArray[Any],
) -> RadarGeometry | StoredRadarGeometry:
    """Positions of the pixels of an image, linear within the triangles between points.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    rows, cols : (points,) float
        Row and column in the image of each point; the centre of the first pixel is 0.
    latitude, longitude : (points,) float
        Degrees.

    Raises
    ------
    ValueError
        If no point lies in the image.
    """
    inside = (rows > -_MARGIN) & (rows < shape[0] + _MARGIN) & (cols > -_MARGIN) & (cols < shape[1] + _MARGIN)
    if not inside.any():
        raise ValueError(f"no point of known position lies in an image of {shape[0]} x {shape[1]}")
    order = np.argsort(rows[inside], kind="stable")
    kept = [np.asarray(axis, np.float64)[inside][order] for axis in (rows, cols, latitude, longitude)]
    table = _Table(kept[0], kept[1], np.stack(kept[2:], axis=1))
    if shape[0] * shape[1] <= _BLOCK**2:
        return table.read(slice(0, shape[0]), slice(0, shape[1]))
    return StoredRadarGeometry(shape=shape, read=table.read, block=_BLOCK, extents=_extents(table, shape))


def _extents(table: _Table, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Bounds of the points in and around each block; NaN without any."""
    count = tuple(-(-size // _BLOCK) for size in shape)
    inside = (table.rows >= 0) & (table.rows < shape[0]) & (table.cols >= 0) & (table.cols < shape[1])
    rows, cols, places = table.rows[inside], table.cols[inside], table.places[inside]
    lowest = np.full((*count, 2), np.inf)
    highest = np.full((*count, 2), -np.inf)
    # A triangle over the edge of a block has corners outside it.
    for down in (-_MARGIN, 0, _MARGIN):
        for along in (-_MARGIN, 0, _MARGIN):
            block = tuple(
                np.clip((axis + shift) // _BLOCK, 0, size - 1).astype(int)
                for axis, shift, size in zip((rows, cols), (down, along), count, strict=True)
            )
            np.minimum.at(lowest, block, places)
            np.maximum.at(highest, block, places)
    low, high = (np.where(np.isfinite(values), values, np.nan) for values in (lowest, highest))
    return np.stack([low[..., 1], low[..., 0], high[..., 1], high[..., 0]], axis=-1)
