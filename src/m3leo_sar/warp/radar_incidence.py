"""Local incidence angle of the pixels of a radar image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.geo2rdr import known_terrain, rdr2geo
from m3leo_sar.warp.pixel_map import transformed

#: Half the length over which the slope is measured, in posts of the terrain.
_HALF = 1.0


def radar_incidence(
    *,
    orbit: Orbit,
    radar_grid: RadarGrid,
    dem: NDArray[Any],
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
    rows: Any = None,
    cols: Any = None,
) -> NDArray[np.float64]:
    """Compute the angle between the line of sight and the terrain normal at radar pixels.

    Parameters
    ----------
    orbit, radar_grid, dem, dem_geobox, vertical_crs, rows, cols
        As for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`; NumPy.

    Returns
    -------
    float64
        Degrees, in the shape of ``rows`` or of the image; NaN where a height is unknown. The slope is that between the
        neighbouring posts of the terrain. In layover it is the angle of one of the slopes.

    Raises
    ------
    TypeError, ValueError
        As for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`.
    """
    dem, dem_geobox = known_terrain(dem, dem_geobox, vertical_crs)
    from scipy.ndimage import map_coordinates

    if rows is None:
        rows, cols = (axis.astype(np.float64) for axis in np.indices(radar_grid.shape))
    rows, cols = np.broadcast_arrays(np.asarray(rows, np.float64), np.asarray(cols, np.float64))
    ground = rdr2geo(
        orbit=orbit, radar_grid=radar_grid, dem=dem, dem_geobox=dem_geobox, rows=rows.copy(), cols=cols.copy()
    )
    known = np.isfinite(ground.latitude)
    x, y = transformed(ground.longitude[known], ground.latitude[known], "EPSG:4326", dem_geobox.crs)
    row, col = dem_geobox.to_pixels(x, y)

    def corner(down: float, along: float) -> Any:
        place = row + down, col + along
        heights = map_coordinates(dem.astype(np.float64), place, order=1, mode="nearest")
        a, b, c, d, e, f = tuple(dem_geobox.affine)[:6]
        at = place[1] + 0.5, place[0] + 0.5
        x, y = a * at[0] + b * at[1] + c, d * at[0] + e * at[1] + f
        longitude, latitude = transformed(x, y, dem_geobox.crs, "EPSG:4326")
        return earth_fixed(longitude, latitude, heights)

    normal = np.cross(corner(0, _HALF) - corner(0, -_HALF), corner(_HALF, 0) - corner(-_HALF, 0))
    point = earth_fixed(ground.longitude[known], ground.latitude[known], ground.height[known])
    normal *= np.sign((normal * point).sum(axis=-1))[:, None]
    position, _ = orbit.at(radar_grid.azimuth_time + rows[known] * radar_grid.azimuth_interval)
    sight = position - point
    lengths = np.linalg.norm(normal, axis=-1) * np.linalg.norm(sight, axis=-1)
    angle = np.full(rows.shape, np.nan)
    angle[known] = np.degrees(np.arccos((normal * sight).sum(axis=-1) / lengths))
    return angle
