"""Whether two images have the same pixel grid."""

from __future__ import annotations

from collections.abc import Sequence

from affine import Affine

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


def joint_grid(grids: Sequence[GeoBox | None]) -> tuple[GeoBox, list[tuple[int, int]]] | None:
    """The smallest grid that holds the pixels of several, and the (row, col) in it at which each begins.

    Returns
    -------
    (GeoBox, list of (int, int)), or None
        None if a grid is unknown, or the pixels of one do not lie on the pixels of the first.

    Examples
    --------
    >>> box = GeoBox((60, 70), (10.0, 0.0, 500000.0, 0.0, -10.0, 5500000.0), "EPSG:32631")
    >>> joint, places = joint_grid([box.crop(slice(20, 60), slice(0, 70)), box.crop(slice(0, 30), slice(5, 70))])
    >>> joint == box, places
    (True, [(20, 0), (0, 5)])
    """
    known = [grid for grid in grids if grid is not None]
    if not known or len(known) < len(grids):
        return None
    first, places = known[0], []
    for grid in known:
        row, col = (round(place) for place in reversed(~first.affine @ (grid.affine.c, grid.affine.f)))
        moved = Affine(*first.affine[:6]) @ Affine.translation(col, row)
        if grid.crs != first.crs or not is_same_grid(grid, GeoBox(grid.shape, moved, first.crs)):
            return None
        places.append((row, col))
    top, left = (min(starts) for starts in zip(*places, strict=True))
    bottom, right = (
        max(place[axis] + grid.shape[axis] for place, grid in zip(places, known, strict=True)) for axis in (0, 1)
    )
    affine = Affine(*first.affine[:6]) @ Affine.translation(left, top)
    return GeoBox((bottom - top, right - left), affine, first.crs), [(row - top, col - left) for row, col in places]
