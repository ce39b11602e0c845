"""A pixel grid on the map: shape, affine transform and coordinate reference system, without pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

from m3leo_sar.grid.antimeridian import bounds_of_outline
from m3leo_sar.grid.projection import is_geographic, transformer_between

if TYPE_CHECKING:
    import pyproj


@dataclass(frozen=True, slots=True)
class GeoBox:
    """A pixel grid on the map.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns, each at least 1.
    affine : affine.Affine or six numbers
        Maps (column, row) of a pixel *corner* to (x, y); the centre of pixel (row, col) is at
        ``affine @ (col + 0.5, row + 0.5)``.
    crs : str
        Any CRS that pyproj accepts: ``"EPSG:32631"``, WKT, ... Axis order is always x, y (longitude, latitude).

    Raises
    ------
    ValueError
        If the shape is not two positive numbers, the affine is singular or the CRS is empty.

    Examples
    --------
    >>> from m3leo_sar import GeoBox
    >>> box = GeoBox.from_bounds((500000, 0, 504480, 4480), shape=(448, 448), crs="EPSG:32631")
    >>> box.resolution
    (10.0, -10.0)
    >>> box.crop(slice(10, 20), slice(0, 30)).bounds
    (500000.0, 4280.0, 500300.0, 4380.0)
    """

    shape: tuple[int, int]
    affine: Affine
    crs: str

    def __post_init__(self) -> None:
        shape = tuple(int(size) for size in self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise ValueError(f"shape must be (rows, cols), both at least 1, got {self.shape!r}")
        affine = self.affine if isinstance(self.affine, Affine) else Affine(*self.affine)
        if affine.is_degenerate or not all(np.isfinite(tuple(affine)[:6])):
            raise ValueError(f"affine must be finite and invertible, got {tuple(affine)[:6]}")
        if not self.crs:
            raise ValueError("crs must name a coordinate reference system, got an empty value")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "crs", str(self.crs))

    @classmethod
    def from_bounds(cls, bounds: Sequence[float], *, shape: tuple[int, int], crs: str) -> GeoBox:
        """North-up grid that covers ``bounds`` = (left, bottom, right, top) exactly."""
        left, bottom, right, top = (float(edge) for edge in bounds)
        if not (left < right and bottom < top):
            raise ValueError(
                f"bounds must be (left, bottom, right, top) with left < right and bottom < top, got {tuple(bounds)}"
            )
        rows, cols = shape
        return cls(shape, Affine((right - left) / cols, 0.0, left, 0.0, -(top - bottom) / rows, top), crs)

    @property
    def resolution(self) -> tuple[float, float]:
        """Pixel size along x and y in CRS units; y is negative on a north-up grid."""
        return float(self.affine.a), float(self.affine.e)

    @property
    def is_axis_aligned(self) -> bool:
        """Whether rows and columns follow the axes of the CRS."""
        return self.affine.b == 0 and self.affine.d == 0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) of all four corners, in CRS units."""
        rows, cols = self.shape
        corners = [self.affine @ corner for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
        xs, ys = zip(*corners, strict=True)
        return float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))

    def crop(self, rows: slice, cols: slice) -> GeoBox:
        """Grid of the pixels ``[rows, cols]``; slices have step 1 and stay inside."""
        first_row, last_row, _ = rows.indices(self.shape[0])
        first_col, last_col, _ = cols.indices(self.shape[1])
        origin = self.affine @ Affine.translation(first_col, first_row)
        return GeoBox((last_row - first_row, last_col - first_col), origin, self.crs)

    def pad(self, rows: int, cols: int) -> GeoBox:
        """Grid extended by ``rows`` and ``cols`` pixels on each side."""
        origin = self.affine @ Affine.translation(-cols, -rows)
        return GeoBox((self.shape[0] + 2 * rows, self.shape[1] + 2 * cols), origin, self.crs)

    def reduced(self, rows: int, cols: int) -> GeoBox:
        """Grid of multilooked pixels of ``rows`` by ``cols`` pixels each; a remainder is dropped."""
        shape = (self.shape[0] // rows, self.shape[1] // cols)
        return GeoBox(shape, self.affine @ Affine.scale(cols, rows), self.crs)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of all pixel centres: x and y, each (rows, cols) float64 in CRS units."""
        cols, rows = np.meshgrid(np.arange(self.shape[1]) + 0.5, np.arange(self.shape[0]) + 0.5)
        a, b, c, d, e, f = tuple(self.affine)[:6]
        return a * cols + b * rows + c, d * cols + e * rows + f

    def to_pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fractional (row, col) of map positions; 0.0 is the *centre* of the first pixel."""
        a, b, c, d, e, f = tuple(~self.affine)[:6]
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        return d * x + e * y + f - 0.5, a * x + b * y + c - 0.5

    def outline(self, *, points: int = 21) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates along the four sides, x and y, closed; ``points`` per side including both its corners."""
        rows, cols = self.shape
        edge = np.linspace(0, 1, points)
        # Along all four sides, as a straight side is curved in another projection.
        col = cols * np.concatenate([edge, np.ones(points), edge[::-1], np.zeros(points)])
        row = rows * np.concatenate([np.zeros(points), edge, np.ones(points), edge[::-1]])
        a, b, c, d, e, f = tuple(self.affine)[:6]
        return a * col + b * row + c, d * col + e * row + f

    def bounds_in(self, crs: str) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) of the outline in another CRS, also a compound one.

        In degrees, right continues beyond 180 or left below -180 where the grid crosses the 180th meridian; a grid
        around a pole spans all longitudes and reaches it (:func:`m3leo_sar.grid.antimeridian.bounds_of_outline`).
        """
        x, y = self.transformer_to(crs).transform(*self.outline())
        if is_geographic(crs):
            return bounds_of_outline(x, y)
        return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))

    def transformer_to(self, crs: str) -> pyproj.Transformer:
        """Transformer from this grid's CRS to ``crs``, x before y in both."""
        return transformer_between(self.crs, crs)


def as_geobox(value: Any, name: str) -> GeoBox:
    """Pixel grid of an argument: a GeoBox, or a :class:`m3leo_sar.grid.tiles.Tile`, which has one.

    Raises
    ------
    TypeError
        If it is neither.
    """
    box = value if isinstance(value, GeoBox) else getattr(value, "geobox", None)
    if not isinstance(box, GeoBox):
        raise TypeError(f"{name} must be a Tile or a GeoBox, got {type(value).__name__}")
    return box
