"""The footprint of a pixel grid in longitude and latitude."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import continuous_line, goes_around_a_pole, on_globe
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import is_geographic


def outline_in_degrees(geobox: GeoBox, *, points: int = 21) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude along the four sides of a grid, without a jump at the 180th meridian."""
    x, y = geobox.transformer_to("EPSG:4326").transform(*geobox.outline(points=points))
    return continuous_line(x, y)


def footprint(geobox: GeoBox) -> Any:
    """Footprint of a grid in degrees: a shapely polygon, in parts where the 180th meridian or a pole cuts it.

    Examples
    --------
    >>> from m3leo_sar import GeoBox
    >>> box = GeoBox.from_bounds((179.5, -17, 180.5, -16), shape=(4, 4), crs="EPSG:4326")
    >>> footprint(box).bounds, footprint(box).area
    ((-180.0, -17.0, 180.0, -16.0), 1.0)
    """
    import shapely

    longitude, latitude = outline_in_degrees(geobox)
    if goes_around_a_pole(longitude):
        pole = 90.0 if latitude.mean() > 0 else -90.0
        longitude = np.concatenate([longitude, longitude[[-1, 0]]])
        latitude = np.concatenate([latitude, [pole, pole]])
    return on_globe(shapely.Polygon(np.stack([longitude, latitude], axis=1)))


def columns_per_turn(geobox: GeoBox) -> int | None:
    """Columns of a longitude grid after which its ground repeats; None where there is no such whole number.

    Examples
    --------
    >>> from m3leo_sar import GeoBox
    >>> columns_per_turn(GeoBox.from_bounds((170, -20, 190, -10), shape=(20, 40), crs="EPSG:4326"))
    720
    """
    if not (geobox.is_axis_aligned and is_geographic(geobox.crs)):
        return None
    turn = 360.0 / abs(geobox.affine.a)
    return round(turn) if abs(turn - round(turn)) < 1e-3 else None
