"""Where a point on the ground lies in time and range, and the reverse, from the two equations of a radar image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.simulate.repeat_orbit import RepeatOrbit

#: WGS 84: metres of the equator's radius, and the flattening.
_RADIUS, _FLATTENING = 6_378_137.0, 1 / 298.257223563
_ECCENTRICITY = _FLATTENING * (2 - _FLATTENING)
#: Points that are worked on at once.
_PIECE = 16_384


class Echo(NamedTuple):
    """Time of closest approach in seconds and range in metres."""

    time: NDArray[np.float64]
    range: NDArray[np.float64]


class Place(NamedTuple):
    """Degrees of longitude and latitude, and metres above the WGS 84 ellipsoid."""

    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    height: NDArray[np.float64]


def on_earth(longitude: Any, latitude: Any, height: Any) -> NDArray[np.float64]:
    """Earth-fixed metres (..., 3) of degrees and metres above the ellipsoid.

    Examples
    --------
    >>> on_earth(0.0, 90.0, 0.0).round(3).tolist()
    [0.0, 0.0, 6356752.314]
    """
    east, north = np.radians(longitude), np.radians(latitude)
    normal = _RADIUS / np.sqrt(1 - _ECCENTRICITY * np.sin(north) ** 2)
    level = (normal + height) * np.cos(north)
    parts = level * np.cos(east), level * np.sin(east), (normal * (1 - _ECCENTRICITY) + height) * np.sin(north)
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def zero_doppler(orbit: RepeatOrbit, points: NDArray[np.float64], *, near: ArrayLike, steps: int = 4) -> Echo:
    """Time at which a point lies exactly abeam, by Newton's method on (P - X) . V = 0, and the range then.

    Parameters
    ----------
    orbit : RepeatOrbit
    points : (..., 3) float64
        Earth-fixed metres.
    near : array_like
        A time within seconds of the answer.
    steps : int
        Newton steps; from 10 s away, four end below a nanosecond, from 0.05 s away, two.
    """
    flat = points.reshape(-1, 3)
    start = np.broadcast_to(np.asarray(near, np.float64), points.shape[:-1]).ravel()
    # In pieces that stay in the cache.
    pieces = [slice(first, first + _PIECE) for first in range(0, len(flat), _PIECE)]
    found = [_abeam(orbit, flat[piece], start[piece], steps) for piece in pieces]
    time, distance = (np.concatenate(column).reshape(points.shape[:-1]) for column in zip(*found, strict=True))
    return Echo(time, distance)


def _abeam(orbit: RepeatOrbit, points: Any, time: Any, steps: int) -> tuple[Any, Any]:
    for _ in range(steps):
        position, velocity, acceleration = orbit.at(time)
        away = position - points
        slope = _dot(velocity, velocity) + _dot(away, acceleration)
        time = time - _dot(away, velocity) / slope
    away = orbit.at(time).position - points
    return time, np.sqrt(_dot(away, away))


def _dot(one: Any, other: Any) -> Any:
    return np.einsum("...k,...k->...", one, other)


def ground_place(
    orbit: RepeatOrbit, time: ArrayLike, distance: ArrayLike, height: float | Callable[[Any, Any], Any]
) -> Place:
    """The point to the right of the track that lies abeam at a time and distance.

    Parameters
    ----------
    orbit : RepeatOrbit
    time, distance : array_like
        Seconds, and metres of slant range.
    height : float or callable
        Metres above the ellipsoid, or a function of longitude and latitude that gives them.

    Notes
    -----
    Newton's method in longitude and latitude at a fixed height, which is then looked up again: it converges where the
    ground slopes less than the line of sight.
    """
    time, distance = np.broadcast_arrays(np.asarray(time, np.float64), np.asarray(distance, np.float64))
    position, velocity, _ = orbit.at(time)
    longitude, latitude = _first_guess(position, velocity, distance)
    # A fixed height is found in a few Newton steps; looking heights up converges linearly.
    for _ in range(30 if callable(height) else 6):
        level = height(longitude, latitude) if callable(height) else height
        north, east = np.radians(latitude), np.radians(longitude)
        away = on_earth(longitude, latitude, level) - position
        # Metres per radian along the meridian and along the parallel.
        squared = 1 - _ECCENTRICITY * np.sin(north) ** 2
        along = _RADIUS * (1 - _ECCENTRICITY) / squared**1.5 + level
        across = (_RADIUS / np.sqrt(squared) + level) * np.cos(north)
        axes = _axes(east, north)
        matrix = [(velocity * axis).sum(-1) for axis in axes], [(away * axis).sum(-1) for axis in axes]
        wanted = -(away * velocity).sum(-1), (distance**2 - (away**2).sum(-1)) / 2
        (a, b), (c, d) = matrix
        determinant = a * d - b * c
        latitude = latitude + np.degrees((wanted[0] * d - b * wanted[1]) / determinant / along)
        longitude = longitude + np.degrees((a * wanted[1] - wanted[0] * c) / determinant / across)
    level = height(longitude, latitude) if callable(height) else np.full(longitude.shape, float(height))
    return Place((longitude + 180) % 360 - 180, latitude, level)


def _axes(east: Any, north: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors to the north and to the east."""
    zero = np.zeros_like(east)
    to_north = np.stack([-np.sin(north) * np.cos(east), -np.sin(north) * np.sin(east), np.cos(north)], axis=-1)
    return to_north, np.stack([-np.sin(east), np.cos(east), zero], axis=-1)


def _first_guess(
    position: NDArray[np.float64], velocity: NDArray[np.float64], distance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """On a sphere, to the right: good to tens of kilometres."""
    away = np.linalg.norm(position, axis=-1)
    up = position / away[..., None]
    right = np.cross(velocity, position)
    right /= np.linalg.norm(right, axis=-1)[..., None]
    sphere = 6.368e6
    # The law of cosines in the triangle of satellite, point and centre of the Earth.
    angle = np.arccos(np.clip((away**2 + sphere**2 - distance**2) / (2 * away * sphere), -1, 1))
    point = np.cos(angle)[..., None] * up + np.sin(angle)[..., None] * right
    return np.degrees(np.arctan2(point[..., 1], point[..., 0])), np.degrees(np.arcsin(point[..., 2]))
