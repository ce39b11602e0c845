"""The interface of raster sources, which return their own pixels around a tile."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import nearest_longitude
from m3leo_sar.grid.footprint import columns_per_turn
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import is_geographic, transformer_between
from m3leo_sar.io.components.band import Band

#: Margin in pixels for the widest kernel at equal pixel size, with a reserve.
_REACH, _SPARE = 3, 2
#: Steps of the lattice of points that gives the place of a tile.
_STEPS = 32
#: Least overlap of a tile with a source, in pixels.
_TOUCH = 1e-6


class Piece(NamedTuple):
    """Pixels of a source around a tile, on the source's own grid."""

    #: (bands, rows, cols); no data is NaN, or ``nodata`` for integers.
    array: NDArray[Any]
    #: Grid of the pixels.
    geobox: GeoBox
    #: One per band.
    bands: tuple[Band, ...]
    #: No-data value of integers, None if all pixels have data.
    nodata: int | None = None
    #: Remarks on these pixels, as text.
    notes: tuple[str, ...] = ()
    #: Code and name of each class of a map, if the source states them.
    classes: tuple[tuple[int, str], ...] = ()


class TileSource(Protocol):
    """A source of tiles; any class with these members is one."""

    #: Its name in messages and in the metadata of chips.
    name: str
    #: All possible bands.
    bands: tuple[Band, ...]
    #: Its usual word of :func:`m3leo_sar.reproject`, None if the user must choose.
    resampling: str | None

    def parameters(self, geobox: GeoBox) -> Any:
        """Parameters of the pixels around a tile, as JSON values; changed parameters mean changed chips."""
        ...

    def read(self, geobox: GeoBox) -> list[Piece]:
        """Pixels around a tile, not resampled; an empty list if the source does not cover it.

        Raises
        ------
        OSError
            If they cannot be read at present, but may be later.
        ValueError
            If the source is damaged.
        """
        ...


class Cover(NamedTuple):
    """The part of a source that a tile needs."""

    rows: slice
    #: Columns to read and their first column in the part; two entries if a tile crosses the seam of a globe.
    parts: tuple[tuple[slice, int], ...]
    #: Grid of the part.
    geobox: GeoBox

    def gather(self, read: Callable[[slice, slice], NDArray[Any]], fill: Any) -> NDArray[Any]:
        """Read ``[rows, cols]`` of all parts side by side, with ``fill`` outside them."""
        read_parts = [(read(self.rows, cols), first) for cols, first in self.parts]
        if len(read_parts) == 1:
            return read_parts[0][0]
        array = read_parts[0][0]
        out = np.full((*array.shape[:-1], self.geobox.shape[1]), fill, array.dtype)
        for array, first in read_parts:
            out[..., first : first + array.shape[-1]] = array
        return out


def cover(source_geobox: GeoBox, tile: GeoBox) -> Cover | None:
    """Part of a source that holds a tile and a margin for every resampling.

    Parameters
    ----------
    source_geobox : GeoBox
        Grid of the source. A geographic grid continues over its seam: a tile across the 180th meridian gets the
        columns of both ends.
    tile : GeoBox
        Grid of the tile, in any CRS.

    Returns
    -------
    Cover or None
        None if the tile does not overlap the source.

    Examples
    --------
    >>> source = GeoBox.from_bounds((0, 0, 1000, 800), shape=(80, 100), crs="EPSG:32631")
    >>> tile = GeoBox.from_bounds((300, 300, 400, 380), shape=(8, 10), crs="EPSG:32631")
    >>> part = cover(source, tile)
    >>> part.rows, part.parts, part.geobox.shape
    (slice(37, 55, None), ((slice(25, 45, None), 0),), (18, 20))
    """
    row, col = _edges(source_geobox, tile)
    if not np.isfinite(row).any():
        return None
    low, high = np.nanmin(row), np.nanmax(row)
    if high <= _TOUCH or low >= source_geobox.shape[0] - _TOUCH:
        return None
    down, along = _margins(row, tile.shape), _margins(col, tile.shape)
    # Coincident edges differ by rounding, which must not add a pixel.
    rows = slice(max(0, math.floor(low + _TOUCH) - down), min(source_geobox.shape[0], math.ceil(high - _TOUCH) + down))
    spans = _spans(source_geobox, float(np.nanmin(col)), float(np.nanmax(col)), along)
    if not spans:
        return None
    start = min(first for _, first in spans)
    stop = max(first + cols.stop - cols.start for cols, first in spans)
    parts = tuple((cols, first - start) for cols, first in spans)
    origin = source_geobox.affine @ Affine.translation(start, rows.start)
    return Cover(rows, parts, GeoBox((rows.stop - rows.start, stop - start), origin, source_geobox.crs))


def as_key(name: str) -> str:
    """A band's name in an archive: characters other than letters, digits, ``.``, ``_`` and ``-`` become ``-``.

    Examples
    --------
    >>> as_key("band 1 (VV)"), as_key("???")
    ('band-1-VV-', '')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")


def file_facts(path: str | os.PathLike[str]) -> list[Any]:
    """Name, size and time of a file, which change when it is replaced. Its folder may move."""
    file = Path(path)
    stat = file.stat()
    return [file.name, stat.st_size, stat.st_mtime_ns]


def _edges(source: GeoBox, tile: GeoBox) -> tuple[NDArray[Any], NDArray[Any]]:
    """Source row and column, 0 the outer edge of the first, of a lattice of points from edge to edge of a tile."""
    steps = np.linspace(0, 1, _STEPS + 1)
    col, row = np.meshgrid(steps * tile.shape[1], steps * tile.shape[0])
    a, b, c, d, e, f = tuple(tile.affine)[:6]
    x, y = a * col + b * row + c, d * col + e * row + f
    if source.crs != tile.crs:
        x, y = transformer_between(tile.crs, source.crs).transform(x, y)
        known = np.isfinite(x) & np.isfinite(y)
        x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    if is_geographic(source.crs):
        left, _, right, _ = source.bounds
        middle = x[_STEPS // 2, _STEPS // 2]
        # Continuous around the tile's middle, shifted by whole turns to the longitudes of the source.
        x = nearest_longitude(x, middle) + (nearest_longitude(middle, (left + right) / 2) - middle)
    rows, cols = source.to_pixels(x, y)
    return rows + 0.5, cols + 0.5


def _margins(positions: NDArray[Any], shape: tuple[int, int]) -> int:
    """Pixels beyond the tile along a source axis: a kernel's reach, stretched where the tile's pixels are larger."""
    with np.errstate(invalid="ignore"):
        steps = [np.abs(np.diff(positions, axis=axis)) * _STEPS / shape[axis] for axis in (0, 1)]
    step = sum(float(np.nanmax(lengths, initial=0.0)) for lengths in steps)
    return math.ceil(_REACH * max(1.0, step)) + _SPARE


def _spans(source: GeoBox, low: float, high: float, margin: int) -> list[tuple[slice, int]]:
    """Columns of the source under a tile from ``low`` to ``high``, and where they lie on the tile's turn."""
    width, turn = source.shape[1], columns_per_turn(source)
    # Another turn lies on the same pixel grid only if a turn is a whole number of pixels.
    turns = [0] if turn is None else [-turn, 0, turn]
    spans = []
    touched = False
    for shift in turns:
        start, stop = math.floor(low + _TOUCH) - margin - shift, math.ceil(high - _TOUCH) + margin - shift
        cols = slice(max(0, start), min(width, stop))
        if cols.start < cols.stop:
            spans.append((cols, cols.start + shift))
            touched |= high - shift > _TOUCH and low - shift < width - _TOUCH
    return spans if touched else []
