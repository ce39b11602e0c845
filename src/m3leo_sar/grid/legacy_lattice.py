"""M3LEO's lattice: rectangles in longitude and latitude around the points of one UTM zone's grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.grid.antimeridian import beside, in_one_piece, nearest_longitude, side_by_side
from m3leo_sar.grid.projection import LONGITUDE_LATITUDE, transformer_between, utm_zone_at


def legacy_bounds(polygon: Any, side: int) -> tuple[NDArray[np.float64], str]:
    """Bounds (tiles, 4) of the tiles over a polygon, and the CRS of their lattice.

    Raises
    ------
    ValueError
        If the polygon's centroid lies where UTM is not defined, or it is smaller than one step.
    """
    import shapely

    polygon = in_one_piece(polygon)
    crs = _utm_at(polygon.centroid.x, polygon.centroid.y)
    bounds = beside(polygon.bounds, _lattice(polygon, crs, side))
    shapely.prepare(polygon)
    bounds = bounds[shapely.intersects(polygon, shapely.box(*bounds.T))]
    # The position of a tile is that of its centre, within 180 degrees.
    return beside((0.0, 0.0, 0.0, 0.0), bounds), crs


def legacy_areas(bounds: ArrayLike, *, crs: str | None = None) -> NDArray[np.float64]:
    """Areas in km² as M3LEO's tile files state them.

    They are areas of the corner polygon in the plane of one UTM zone for the whole set. Far from its central meridian
    they differ from the true areas (:attr:`m3leo_sar.TileGrid.areas`) by up to a sixth.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees of all tiles of the set: their mean decides the zone.
    crs : str, optional
        The UTM zone, for a subset of a tile set.

    Raises
    ------
    ValueError
        If that mean lies where UTM is not defined.

    Examples
    --------
    >>> tile = (-73.54882408527543, 42.119290342039825, -73.49489992872059, 42.159424162417544)
    >>> legacy_areas([tile, (-122, 40, -121.95, 40.05)], crs="EPSG:32614").round(3).tolist()
    [22.114, 26.008]
    """
    boxes = side_by_side(bounds)
    # Mean of closed rings: the first corner counts twice.
    x, y = (0.6 * boxes[:, :2] + 0.4 * boxes[:, 2:]).mean(axis=0)
    to_utm = transformer_between(LONGITUDE_LATITUDE, crs or _utm_at(x, y))
    east, north = (
        np.stack(axis) for axis in zip(*(to_utm.transform(boxes[:, i], boxes[:, j]) for i, j in _RING), strict=True)
    )
    # Relative to the first corner, as products of full coordinates would lose six digits.
    east, north = east - east[0], north - north[0]
    return np.abs(sum(east[k] * north[(k + 1) % 4] - east[(k + 1) % 4] * north[k] for k in range(4))) / 2e6


_RING = ((0, 1), (2, 1), (2, 3), (0, 3))


def _utm_at(x: float, y: float) -> str:
    """UTM zone of a point, the first that PROJ lists."""
    zone = utm_zone_at(float(nearest_longitude(x, 0.0)), y)
    if zone is None:
        raise ValueError(f"aoi must lie where UTM is defined, its centroid is at {x}, {y}")
    return zone


def _lattice(polygon: Any, crs: str, side: int) -> NDArray[np.float64]:
    """Bounds of the tiles around all lattice points of the projected bounding box, easting before northing."""
    import shapely

    to_utm = transformer_between(LONGITUDE_LATITUDE, crs)
    left, low, right, high = shapely.transform(polygon, lambda x, y: to_utm.transform(x, y), interleaved=False).bounds
    across, up = int((right - left) // side), int((high - low) // side)
    if across < 1 or up < 1:
        raise ValueError(
            f"aoi must span at least one step of {side} m, got {right - left:.0f} x {high - low:.0f} m; a smaller area "
            "has tiles of the exact lattice (lattice='exact')"
        )
    east, north = np.meshgrid(left + side * np.arange(across), low + side * np.arange(up), indexing="ij")
    lon, lat = to_utm.transform(east.ravel(), north.ravel(), direction="INVERSE")
    # Metres per degree from steps of 0.001 degrees; the side is one metre short, as in the released tiles.
    east_here, north_here = to_utm.transform(lon, lat)
    per_lon = (to_utm.transform(lon + 0.001, lat)[0] - east_here) * 1000
    per_lat = (to_utm.transform(lon, lat + 0.001)[1] - north_here) * 1000
    half_lon, half_lat = (side - 1) / 2 / per_lon, (side - 1) / 2 / per_lat
    return np.stack([lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat], axis=1)
