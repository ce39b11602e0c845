"""Metres on the ground from one pixel of a stack to the next."""

from __future__ import annotations

import math

import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.pixel_spacing import pixel_spacing as map_spacing
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.stack.geometry import Geometry, OrbitGeometry
from m3leo_sar.stack.valid_area import pixel_spacing


def ground_spacing(geometry: Geometry) -> tuple[float, float]:
    """Metres on level ground from row to row and from column to column, at the middle of an image.

    Parameters
    ----------
    geometry : GeoBox, RadarGeometry, StoredRadarGeometry or OrbitGeometry

    Returns
    -------
    (float, float)
        Of an image in range and azimuth, columns are range over the sine of the incidence angle: on slopes towards the
        radar they lie farther apart, on slopes away from it nearer.

    Examples
    --------
    >>> from m3leo_sar import GeoBox
    >>> ground_spacing(GeoBox.from_bounds((500000, 0, 500400, 200), shape=(10, 40), crs="EPSG:32631"))
    (20.0, 10.0)
    """
    if isinstance(geometry, GeoBox):
        return map_spacing(geometry)
    if isinstance(geometry, OrbitGeometry):
        return _of_orbit(geometry.orbit, geometry.radar_grid)
    return pixel_spacing(geometry)


def _of_orbit(orbit: Orbit, grid: RadarGrid) -> tuple[float, float]:
    """On a sphere through the point below the satellite that does not turn: right to a hundredth."""
    rows, cols = grid.shape
    position, velocity = orbit.at(grid.azimuth_time + (rows - 1) / 2 * grid.azimuth_interval)
    far = float(np.linalg.norm(position))
    earth = _radius_below(position)
    distance = grid.slant_range + (cols - 1) / 2 * grid.range_spacing
    # Angles at the centre of the Earth and at the ground of the triangle centre, ground, satellite.
    central = (far**2 + earth**2 - distance**2) / (2 * far * earth)
    incidence = math.acos((far**2 - earth**2 - distance**2) / (2 * earth * distance))
    speed = float(np.linalg.norm(velocity)) * earth / far * central
    return speed * grid.azimuth_interval, grid.range_spacing / math.sin(incidence)


def _radius_below(position: np.ndarray) -> float:
    """Distance from the centre of the Earth to the ellipsoid below a point."""
    x, y, z = (float(part) for part in position)
    # Geodetic latitude from the geocentric one; a satellite's height changes it by less than a thousandth.
    latitude = math.degrees(math.atan2(z / 0.99330562, math.hypot(x, y)))
    return float(np.linalg.norm(earth_fixed(math.degrees(math.atan2(y, x)), latitude, 0.0)))
