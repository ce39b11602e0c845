"""Whether two images have the same pixel grid."""

from __future__ import annotations

from m3leo_sar.grid.geobox import GeoBox

#: Tolerance of corners in pixels: writers round coordinates, and a thousandth of a pixel does not reduce coherence.
_TOLERANCE = 1e-3


def is_same_grid(first: GeoBox | None, second: GeoBox | None) -> bool:
    """Whether two grids have the same shape and CRS, and corners within a thousandth of a pixel of each other.

    Examples
    --------
    >>> box = GeoBox((60, 70), (10.0, 0.0, 500000.0, 0.0, -10.0, 5500000.0), "EPSG:32631")
    >>> is_same_grid(box, GeoBox((60, 70), (10.0, 0.0, 500000.000001, 0.0, -10.0, 5500000.0), "EPSG:32631"))
    True
    >>> is_same_grid(box, GeoBox((60, 70), (10.0, 0.0, 500005.0, 0.0, -10.0, 5500000.0), "EPSG:32631"))
    False
    """
    if first is None or second is None:
        return first is second
    if first.shape != second.shape or first.crs != second.crs:
        return False
    rows, cols = first.shape
    between = ~first.affine @ second.affine
    corners = ((0, 0), (cols, 0), (0, rows), (cols, rows))
    return all(max(map(abs, _less(between @ corner, corner))) <= _TOLERANCE for corner in corners)


def _less(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] - other[0], one[1] - other[1]
