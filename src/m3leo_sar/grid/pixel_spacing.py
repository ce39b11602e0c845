"""Metres on the ground from one pixel of a grid to the next."""

from __future__ import annotations

import math
from typing import Any

from m3leo_sar.grid.geobox import as_geobox
from m3leo_sar.grid.projection import axis_unit, is_geographic

#: Semi-major axis and squared eccentricity of WGS 84.
_AXIS, _ECCENTRICITY = 6_378_137.0, 0.00669437999014


def pixel_spacing(grid: Any) -> tuple[float, float]:
    """Metres from row to row and from column to column, at the middle of a GeoBox or Tile.

    In longitude and latitude they follow from the radii of curvature of the WGS 84 ellipsoid; in a projected CRS from
    its unit, without the scale factor of the projection.

    Raises
    ------
    TypeError
        If ``grid`` is neither.

    Examples
    --------
    >>> from m3leo_sar import GeoBox
    >>> pixel_spacing(GeoBox.from_bounds((500000, 0, 500400, 200), shape=(10, 40), crs="EPSG:32631"))
    (20.0, 10.0)
    """
    box = as_geobox(grid, "grid")
    a, b, _, d, e, _ = tuple(box.affine)[:6]
    east, north = _metres_of_a_unit(box)
    return math.hypot(b * east, e * north), math.hypot(a * east, d * north)


def _metres_of_a_unit(box: Any) -> tuple[float, float]:
    if is_geographic(box.crs):
        _, south, _, north = box.bounds
        latitude = math.radians((south + north) / 2)
        flat = 1 - _ECCENTRICITY * math.sin(latitude) ** 2
        degree = math.pi / 180
        return _AXIS / math.sqrt(flat) * math.cos(latitude) * degree, _AXIS * (1 - _ECCENTRICITY) / flat**1.5 * degree
    _, factor = axis_unit(box.crs)
    return factor, factor
