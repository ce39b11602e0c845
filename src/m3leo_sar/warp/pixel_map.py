"""Position of each tile pixel in a source raster: computed once, used for every band, date and pair."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from m3leo_sar._backend.places import Places
from m3leo_sar.grid.antimeridian import nearest_longitude
from m3leo_sar.grid.footprint import columns_per_turn
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.projection import is_geographic, transformer_between
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.warp.interpolated import interpolated

#: Positions this close to a pixel's centre or edge, in pixels, are snapped to it: affines rounded on writing differ by
#: this much, and so coinciding grids reproduce the source bit for bit.
SNAP = 1e-7


class PixelMap:
    """Fractional source position of every pixel centre of a tile.

    Parameters
    ----------
    rows, cols : (tile rows, tile cols) float64
        Position in source pixels; 0.0 is the *centre* of the first pixel. NaN where the tile pixel has no position in
        the source.
    source_shape : (int, int), optional
        Rows and columns of the source; if given, `sample` refuses a raster of another shape.
    error : float
        Largest measured deviation of the positions from the exact transform, in source pixels; 0 if each was
        transformed individually.
    scale : (float, float), optional
        Source pixels per tile pixel, along source rows and columns, if known.
    turn : int, optional
        Columns per 360 degrees, if the columns are longitudes; positions are then within half a turn of the centre of
        the source, and a tile opposite to it has positions at both ends.

    Raises
    ------
    ValueError
        If rows and cols are not two 2-D arrays of one shape.
    TypeError
        If they are not float64.

    Examples
    --------
    >>> from m3leo_sar import GeoBox
    >>> source = GeoBox.from_bounds((0, 0, 100, 80), shape=(8, 10), crs="EPSG:32631")
    >>> tile = GeoBox.from_bounds((20, 20, 60, 50), shape=(3, 4), crs="EPSG:32631")
    >>> positions = pixel_map(source, tile)
    >>> positions.window()
    (slice(3, 7, None), slice(2, 7, None))
    """

    def __init__(
        self,
        rows: Any,
        cols: Any,
        source_shape: tuple[int, int] | None = None,
        error: float = 0.0,
        scale: tuple[float, float] | None = None,
        turn: int | None = None,
    ) -> None:
        for name, axis in (("rows", rows), ("cols", cols)):
            if str(axis.dtype) != "float64":
                raise TypeError(f"{name} must be float64, got {axis.dtype}")
        if rows.ndim != 2 or rows.shape != cols.shape:
            raise ValueError(f"rows and cols must be 2-D and of one shape, got {rows.shape} and {cols.shape}")
        self.places = Places(rows, cols, 0, (int(rows.shape[0]), int(rows.shape[1])))
        self.source_shape, self.error, self.scale, self.turn = source_shape, error, scale, turn

    @classmethod
    def from_places(
        cls,
        places: Places,
        source_shape: tuple[int, int] | None,
        *,
        error: float = 0.0,
        scale: tuple[float, float] | None = None,
        turn: int | None = None,
    ) -> PixelMap:
        """Map of positions as sums of few terms, which the kernels evaluate."""
        found = cls.__new__(cls)
        found.places, found.source_shape, found.error, found.scale = places, source_shape, error, scale
        found.turn = turn
        return found

    @cached_property
    def rows(self) -> Any:
        """Source row of every pixel, (tile rows, tile cols) float64."""
        return self._summed(0)

    @cached_property
    def cols(self) -> Any:
        """Source column of every pixel, (tile rows, tile cols) float64."""
        return self._summed(1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the tile."""
        return self.places.shape

    def _summed(self, axis: int) -> Any:
        """Positions along one axis, added up in the order of the kernels."""
        places = self.places
        if places.terms == 0:
            return (places.rows, places.cols)[axis]
        total = sum_of_terms(places.rows[axis], places.cols[axis])
        positions = _snapped(total) - places.origin[axis]
        positions.flags.writeable = False
        return positions

    def window(self, *, margin: int = 0) -> tuple[slice, slice]:
        """Rows and columns of the source that contain every pixel needed by the tile.

        Parameters
        ----------
        margin : int
            Additional pixels on each side. Nearest and bilinear need none; :func:`m3leo_sar.warp.sample.margin_of`
            gives the margin of other resamplings.

        Raises
        ------
        ValueError
            If no pixel of the tile is in the source, or the size of the source is not known.
        """
        if self.source_shape is None:
            raise ValueError("source_shape must be known to give the window of the source, got None")
        rows, cols = self.source_shape
        within = _within(self.rows, rows) & _within(self.cols, cols)
        if not within.any():
            raise ValueError(f"the tile lies outside the source: none of its {within.size} pixels falls on it")
        return _span(self.rows[within], rows, margin), _span(self.cols[within], cols, margin)

    def relative_to(self, rows: slice, cols: slice) -> PixelMap:
        """Map into the crop ``[rows, cols]`` of the source; over `window` it gives the same values bit for bit.

        Raises
        ------
        ValueError
            If the size of the source is not known.
        """
        if self.source_shape is None:
            raise ValueError("source_shape must be known to cut the source, got None")
        first_row, last_row, _ = rows.indices(self.source_shape[0])
        first_col, last_col, _ = cols.indices(self.source_shape[1])
        shape = (last_row - first_row, last_col - first_col)
        # Only the whole source contains the columns of the next turn.
        facts: dict[str, Any] = {"error": self.error, "scale": self.scale}
        facts["turn"] = self.turn if shape[1] == self.source_shape[1] else None
        if self.places.terms == 0:
            return PixelMap(self.rows - first_row, self.cols - first_col, shape, **facts)
        origin = (self.places.origin[0] + first_row, self.places.origin[1] + first_col)
        return PixelMap.from_places(self.places._replace(origin=origin), shape, **facts)


def pixel_map(source_geobox: GeoBox, tile: GeoBox | Tile, *, tolerance: float = 1e-5) -> PixelMap:
    """Compute the position of each pixel centre of a tile in a source raster on a map grid.

    A few positions are transformed and the others are interpolated by a polynomial (Chebyshev nodes, as many as the
    tolerance requires). Where no polynomial meets it, such as across the antimeridian, every centre is transformed
    individually. The result is cached for the most recent grids and its arrays are read-only: all bands, dates and
    pairs of one tile share them.

    Parameters
    ----------
    source_geobox : GeoBox
        Grid of the raster to be sampled.
    tile : GeoBox or Tile
        Grid of the tile, in any CRS.
    tolerance : float
        Largest allowed deviation of a position from the exact transform, in source pixels; 0 transforms every centre
        individually. The deviation measured between the nodes is the ``error`` of the result.

    Returns
    -------
    PixelMap
        Positions in source pixels, (tile rows, tile cols) float64. Within 1e-7 pixel of a pixel's centre or edge they
        are snapped to it. NaN where PROJ has no transform; positions outside the source are kept, and `sample` returns
        no data there. Longitudes are taken modulo 360 degrees: the one nearest to the centre of a geographic source is
        used, and where a tile crosses the ends of a global source, `sample` joins them.

    Raises
    ------
    ValueError
        If a CRS is unknown to PROJ, or the tolerance is below 0.
    """
    tile_geobox = as_geobox(tile, "tile")
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0 pixels, got {tolerance}")
    return _pixel_map(source_geobox, tile_geobox, float(tolerance))


@lru_cache(maxsize=16)
def _pixel_map(source_geobox: GeoBox, tile_geobox: GeoBox, tolerance: float) -> PixelMap:
    places, error, turn = None, 0.0, columns_per_turn(source_geobox)
    if source_geobox.crs == tile_geobox.crs and not is_geographic(source_geobox.crs):
        places = _aligned(source_geobox, tile_geobox)
    elif tolerance > 0:
        found = interpolated(
            lambda row, col: _placed(source_geobox, tile_geobox, row, col), tile_geobox.shape, tolerance
        )
        if found is not None:
            places = Places(found.rows, found.cols, found.rows.shape[2], tile_geobox.shape)
            error = found.error
    if places is not None:
        scale = _step_of_terms(places)
        return PixelMap.from_places(places, source_geobox.shape, error=error, scale=scale, turn=turn)
    row, col = np.meshgrid(*(np.arange(size, dtype=float) for size in tile_geobox.shape), indexing="ij")
    rows, cols = (_snapped(axis) for axis in _placed(source_geobox, tile_geobox, row, col))
    for axis in (rows, cols):
        axis.flags.writeable = False
    return PixelMap(rows, cols, source_geobox.shape, scale=step_of(rows, cols), turn=turn)


def step_of(rows: np.ndarray, cols: np.ndarray) -> tuple[float, float] | None:
    """Combined step length along the tile's rows and columns, per source axis; the median over the tile."""
    if min(rows.shape) < 2:
        return None
    every = tuple(slice(0, size - 1, max(1, size // 16)) for size in rows.shape)
    after = tuple(slice(part.start + 1, size, part.step) for part, size in zip(every, rows.shape, strict=True))
    lengths = [
        np.hypot(axis[after[0], every[1]] - axis[every], axis[every[0], after[1]] - axis[every])
        for axis in (rows, cols)
    ]
    if any(np.isnan(length).all() for length in lengths):
        return None
    return float(np.nanmedian(lengths[0])), float(np.nanmedian(lengths[1]))


def _step_of_terms(places: Places) -> tuple[float, float] | None:
    """As `step_of`, from the sums of a few rows and columns and of their successors."""
    if min(places.shape) < 2:
        return None
    every = [np.arange(0, size - 1, max(1, size // 16)) for size in places.shape]
    down, along = ([pick, pick + 1] for pick in every)
    lengths = []
    for rows, cols in zip(places.rows, places.cols, strict=True):
        here, below, beside = (sum_of_terms(rows[down[r]], cols[:, along[c]]) for r, c in ((0, 0), (1, 0), (0, 1)))
        lengths.append(float(np.median(np.hypot(below - here, beside - here))))
    return lengths[0], lengths[1]


def sum_of_terms(down: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Sum over k of down[:, k] along[k, :], term by term: a matrix product would add in another order."""
    total = down[:, :1] * along[0]
    for term in range(1, len(along)):
        total += down[:, term : term + 1] * along[term]
    return total


def _aligned(source: GeoBox, tile: GeoBox) -> Places:
    """Source (row, col) of every pixel centre of a tile in the source's own CRS."""
    a, b, c, d, e, f = tuple(~source.affine @ tile.affine)[:6]
    down, along = (np.arange(size) + 0.5 for size in tile.shape)
    # (e down) 1 + 1 (d along + f): each sum equals that of the affine, bit for bit.
    rows = np.stack([np.stack([slope * down, np.ones_like(down)], axis=1) for slope in (e, b)])
    cols = np.stack(
        [np.stack([np.ones_like(along), slope * along + offset]) for slope, offset in ((d, f - 0.5), (a, c - 0.5))]
    )
    return Places(rows, cols, 2, tile.shape)


def _placed(source: GeoBox, tile: GeoBox, row: np.ndarray, col: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Source (row, col) of positions in the tile, whole numbers being pixel centres."""
    a, b, c, d, e, f = tuple(tile.affine)[:6]
    x, y = a * (col + 0.5) + b * (row + 0.5) + c, d * (col + 0.5) + e * (row + 0.5) + f
    if source.crs != tile.crs:
        x, y = transformed(x, y, tile.crs, source.crs)
    if is_geographic(source.crs):
        left, _, right, _ = source.bounds
        centre = (left + right) / 2
        if columns_per_turn(source) is None:
            # No column belongs to another turn: the tile stays in one piece, on the turn of its centre.
            middle = _middle_longitude(tile, source.crs)
            x = nearest_longitude(x, middle) + (nearest_longitude(middle, centre) - middle)
        else:
            x = nearest_longitude(x, centre)
    return source.to_pixels(x, y)


def _middle_longitude(tile: GeoBox, crs: str) -> float:
    x, y = tile.affine @ (tile.shape[1] / 2, tile.shape[0] / 2)
    middle = transformed(np.array([x]), np.array([y]), tile.crs, crs)[0][0] if crs != tile.crs else x
    return float(middle) if np.isfinite(middle) else 0.0


def transformed(x: np.ndarray, y: np.ndarray, crs: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in ``target``, x before y; NaN where PROJ has no transform.

    Raises
    ------
    ValueError
        If a CRS is unknown to PROJ.
    """
    transformer = transformer_between(crs, target)
    x, y = (np.asarray(axis) for axis in transformer.transform(x, y))
    known = np.isfinite(x) & np.isfinite(y)
    return np.where(known, x, np.nan), np.where(known, y, np.nan)


def _snapped(positions: np.ndarray) -> np.ndarray:
    """Positions snapped to the half-pixel lattice where they are within `SNAP` of it."""
    lattice = np.round(positions * 2.0) / 2.0
    return np.where(np.abs(positions - lattice) <= SNAP, lattice, positions)


def _within(positions: Any, size: int) -> Any:
    return (positions >= -0.5) & (positions <= size - 0.5)


def _span(positions: Any, size: int, margin: int) -> slice:
    first = max(int(np.floor(positions.min())) - margin, 0)
    return slice(first, min(int(np.floor(positions.max())) + 2 + margin, size))
