"""Ground positions of a tile's pixels, and the radar line of sight to them, as sums of few terms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.interpolated import interpolated
from m3leo_sar.warp.pixel_map import transformed

#: Position tolerance in metres for a tile's pixels on the ellipsoid, and the maximum height for which it holds.
_TOLERANCE, _HIGH = 1e-5, 1e4
#: The same for the lines of sight in the search for layover and shadow.
_SIGHT_TOLERANCE = 1e-3

Terms = tuple[np.ndarray, np.ndarray]
#: Function of points (..., 3) and their acquisition times (...) that returns four values.
_Values = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]


def ground_terms(tile: GeoBox, radar_grid: RadarGrid, model: np.ndarray) -> Terms:
    """Position and time of a tile's pixels on the ellipsoid, and their change per metre of height.

    Raises
    ------
    ValueError
        If the tile is so large, or so close to a pole of its CRS, that no polynomial fits it.
    """
    # Metres along the track per second, so that one tolerance in metres applies to times too.
    speed = float(np.linalg.norm(model[16:].reshape(3, 16)[:, 1]) / model[7])

    def place(points: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, ...]:
        return *np.moveaxis(points, -1, 0), time * speed

    down, along = _terms(place, tile, radar_grid, model, _TOLERANCE)
    down[[3, 7]] /= speed
    return down, along


def sight_terms(tile: GeoBox, radar_grid: RadarGrid, model: np.ndarray) -> Terms:
    """Line of sight to a tile's pixels in metres, and its change per metre of height.

    Three fixed axes, the second towards the look side of the radar, and the component along its vertical, upwards.

    Raises
    ------
    ValueError
        As for :func:`ground_terms`.
    """
    middle, flight = _orbit(model, np.array(model[6]))[:2]
    up = middle / np.linalg.norm(middle)
    side = model[4] * np.cross(flight, middle)
    side /= np.linalg.norm(side)
    axes = np.stack([np.cross(side, up), side, up])

    def sight(points: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, ...]:
        position, _, _ = _orbit(model, time)
        seen = points - position
        upwards = (seen * position).sum(axis=-1) / np.linalg.norm(position, axis=-1)
        return *np.moveaxis(seen @ axes.T, -1, 0), upwards

    return _terms(sight, tile, radar_grid, model, _SIGHT_TOLERANCE)


def _terms(values: _Values, tile: GeoBox, radar_grid: RadarGrid, model: np.ndarray, tolerance: float) -> Terms:
    """Four values of a tile's pixels on the ellipsoid, and their change per metre of height, as few terms."""
    a, b, c, d, e, f = tuple(tile.affine)[:6]

    def ground(row: np.ndarray, col: np.ndarray) -> tuple[np.ndarray, ...]:
        x, y = a * (col + 0.5) + b * (row + 0.5) + c, d * (col + 0.5) + e * (row + 0.5) + f
        longitude, latitude = transformed(x, y, tile.crs, "EPSG:4326")
        if not np.isfinite(longitude).all():
            return longitude, latitude
        points = (earth_fixed(longitude, latitude, height) for height in (0.0, _HIGH))
        low, high = (values(point, _time_of(point, radar_grid, model)) for point in points)
        return *low, *(above - below for above, below in zip(high, low, strict=True))

    found = interpolated(ground, tile.shape, tolerance)
    if found is None:
        raise ValueError(
            f"tile must be a few kilometres of ground that a polynomial can follow, got bounds "
            f"{tile.bounds} in {tile.crs}"
        )
    down = found.rows.copy()
    down[4:] /= _HIGH
    return np.ascontiguousarray(down), np.ascontiguousarray(found.cols)


def _orbit(model: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position, velocity and acceleration (..., 3); beyond the arc with the constant acceleration of its end."""
    arc, half = model[16:].reshape(3, 16), model[7]
    within = np.clip((time - model[6]) / half, -1.0, 1.0)
    powers = np.arange(16)
    states = [arc * half**-order for order in range(3)]
    states[1] = states[1][:, 1:] * powers[1:]
    states[2] = states[2][:, 2:] * (powers[2:] * powers[1:-1])
    position, velocity, acceleration = (np.moveaxis(_polynomial(terms, within), 0, -1) for terms in states)
    beyond = (time - model[6] - within * half)[..., None]
    moved = position + beyond * (velocity + beyond / 2 * acceleration)
    return moved, velocity + beyond * acceleration, acceleration


def _polynomial(terms: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values (3, ...) of three polynomials."""
    return np.polynomial.polynomial.polyval(at, terms.T)


def _time_of(points: np.ndarray, radar_grid: RadarGrid, model: np.ndarray) -> np.ndarray:
    """Approximate zero-Doppler time of points: a smooth initial guess."""
    middle = radar_grid.azimuth_time + (radar_grid.shape[0] - 1) / 2 * radar_grid.azimuth_interval
    rows, _ = backend_of(points).geometry_points(model, points.reshape(-1, 3), middle)
    time = radar_grid.azimuth_time + rows * radar_grid.azimuth_interval
    # Beyond the arc, a straight flight path gives a time for every point, from which Newton's method needs a few more
    # steps.
    if np.isnan(time).any():
        arc = model[16:].reshape(3, 16)
        speed = arc[:, 1] / model[7]
        ahead = (points.reshape(-1, 3) - arc[:, 0]) @ speed / (speed @ speed)
        time = model[6] + ahead
    return time.reshape(points.shape[:-1])
