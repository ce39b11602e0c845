"""Geometry of an image in range and azimuth from a look-up table: the row and column of each pixel of a map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.stack.geometry import RadarGeometry, StoredRadarGeometry

#: Latitude and longitude of the map pixels [rows, cols].
Places = Callable[[slice, slice], tuple[NDArray[np.float64], NDArray[np.float64]]]
#: Rows and columns of a block of the image, and of a part of the map.
_BLOCK, _PART = 256, 256
#: Rows and columns of the image that a cell of the map may cover; a larger one spans a gap of the table.
_LARGEST_CELL = 128


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A look-up table, and the bounds in the image of each part of the map."""

    rows: NDArray[Any]
    cols: NDArray[Any]
    places: Places
    #: (parts, parts, 4): first and last row, first and last column of the image; NaN where unseen.
    bounds: NDArray[np.float64]

    def read(self, rows: slice, cols: slice, *, every: bool = False) -> RadarGeometry:
        found = np.full((2, rows.stop - rows.start, cols.stop - cols.start), np.nan)
        top, bottom, left, right = np.moveaxis(self.bounds, -1, 0)
        hit = (bottom >= rows.start) & (top < rows.stop) & (right >= cols.start) & (left < cols.stop)
        for down, along in np.argwhere(hit):
            part = _part(int(down), int(along), self.rows.shape)
            _fill(found, (self.rows[part] - rows.start, self.cols[part] - cols.start), self.places(*part))
        return RadarGeometry(found[0], found[1])


def lookup_geometry(
    shape: tuple[int, int], rows: NDArray[Any], cols: NDArray[Any], places: Places
) -> RadarGeometry | StoredRadarGeometry:
    """Positions of the pixels of an image, linear between the map pixels of a look-up table.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    rows, cols : (m, n) float
        Row and column in the image of each map pixel, the centre of the first pixel is 0; NaN where unseen.
    places : callable
        ``places(rows, cols)`` returns latitude and longitude in degrees of the map pixels of two slices. It must be
        picklable.

    Returns
    -------
    RadarGeometry or StoredRadarGeometry
        NaN where no cell of four map pixels covers a pixel. Where several do, in layover, one of them.

    Raises
    ------
    ValueError
        If no map pixel lies in the image.
    """
    counts = tuple(max(1, -(-(size - 1) // _PART)) for size in rows.shape)
    bounds = np.full((*counts, 4), np.nan)
    for down, along in np.ndindex(counts):
        part = _part(down, along, rows.shape)
        if np.isfinite(rows[part]).any():
            bounds[down, along] = [limit(axis[part]) for axis in (rows, cols) for limit in (np.nanmin, np.nanmax)]
    top, bottom, left, right = np.moveaxis(bounds, -1, 0)
    if not ((bottom >= 0) & (top < shape[0]) & (right >= 0) & (left < shape[1])).any():
        raise ValueError(f"the look-up table has no map pixel in an image of {shape[0]} x {shape[1]}")
    table = _Table(rows, cols, places, bounds)
    if shape[0] * shape[1] <= _BLOCK**2:
        return table.read(slice(0, shape[0]), slice(0, shape[1]))
    return StoredRadarGeometry(shape=shape, read=table.read, block=_BLOCK, extents=_extents(table, shape))


def _part(down: int, along: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a part of the map, with those of the next part that its cells end at."""
    rows, cols = (
        slice(at * _PART, min(at * _PART + _PART + 1, size)) for at, size in zip((down, along), shape, strict=True)
    )
    return rows, cols


def _fill(
    found: NDArray[np.float64],
    places_in_image: tuple[NDArray[Any], NDArray[Any]],
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Interpolate the pixels of a window within the two triangles of each cell of a part of the map."""
    nodes = np.stack([*(np.asarray(axis, np.float64) for axis in places_in_image), *places])
    for corners in _triangles(nodes):
        low, high = corners[:, :2].min(axis=0), corners[:, :2].max(axis=0)
        sides = np.array(found.shape[1:])[:, None]
        with np.errstate(invalid="ignore"):
            kept = ((high >= 0) & (low < sides) & (high - low < _LARGEST_CELL)).all(axis=0)
        corners, low, high = corners[..., kept], np.ceil(low[:, kept]), high[:, kept]
        _fill_triangles(found, corners, low.astype(int), high)


def _triangles(nodes: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Corners (3, values, triangles) of the two triangles of each cell of a mesh (values, rows, cols)."""
    a, b, c, d = nodes[:, :-1, :-1], nodes[:, :-1, 1:], nodes[:, 1:, :-1], nodes[:, 1:, 1:]
    for corners in ((a, b, c), (d, c, b)):
        yield np.stack([corner.reshape(len(nodes), -1) for corner in corners])


def _fill_triangles(
    found: NDArray[np.float64], corners: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.float64]
) -> None:
    """Fill the whole pixels within triangles: the same step from the first one of all triangles at once."""
    steps = np.floor(last).astype(int) - first
    if not first.size:
        return
    for down in range(int(steps[0].max()) + 1):
        # Few triangles are large: those that end before this row or column are left out.
        tall = np.flatnonzero(steps[0] >= down)
        for along in range(int(steps[1, tall].max(initial=-1)) + 1):
            some = tall[steps[1, tall] >= along]
            _fill_pixels(found, corners[..., some], first[0, some] + down, first[1, some] + along)


def _fill_pixels(
    found: NDArray[np.float64], corners: NDArray[np.float64], row: NDArray[np.int64], col: NDArray[np.int64]
) -> None:
    """Fill one pixel per triangle, if it lies within both the triangle and the window."""
    origin, right, below = corners[0], corners[1] - corners[0], corners[2] - corners[0]
    y, x = row - origin[0], col - origin[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        area = right[0] * below[1] - right[1] * below[0]
        u, v = (y * below[1] - x * below[0]) / area, (x * right[0] - y * right[1]) / area
        # A pixel on the edge of two triangles lies in one of them despite rounding.
        inside = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9)
    inside &= (row >= 0) & (row < found.shape[1]) & (col >= 0) & (col < found.shape[2])
    here = np.flatnonzero(inside)
    found[:, row[here], col[here]] = origin[2:, here] + u[here] * right[2:, here] + v[here] * below[2:, here]


def _extents(table: _Table, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Bounds of the map pixels in and around each block of the image; NaN without any."""
    count = tuple(-(-size // _BLOCK) for size in shape)
    lowest, highest = np.full((*count, 2), np.inf), np.full((*count, 2), -np.inf)
    for down, along in np.ndindex(table.bounds.shape[:2]):
        part = _part(down, along, table.rows.shape)
        rows, cols = table.rows[part], table.cols[part]
        seen = np.isfinite(rows) & (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
        places = np.stack([layer[seen] for layer in table.places(*part)], axis=-1)
        # A block's neighbours too, as a cell over its edge has corners outside it.
        for shift in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            block = tuple(
                np.clip(axis[seen] // _BLOCK + by, 0, size - 1).astype(int)
                for axis, by, size in zip((rows, cols), shift, count, strict=True)
            )
            np.minimum.at(lowest, block, places)
            np.maximum.at(highest, block, places)
    low, high = (np.where(np.isfinite(values), values, np.nan) for values in (lowest, highest))
    return np.stack([low[..., 1], low[..., 0], high[..., 1], high[..., 0]], axis=-1)
