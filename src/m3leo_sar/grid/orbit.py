"""The path of a satellite or aircraft, from state vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: State vectors per interpolated position; their positions and velocities define a polynomial of degree 7.
_VECTORS = 4
#: Plausible distances of a radar from the centre of the Earth, metres.
_NEAREST, _FURTHEST = 6.3e6, 5e7


class OrbitArc(NamedTuple):
    """An orbit segment as polynomials in scaled time.

    Parameters
    ----------
    centre, half : float
        Mid-time and half duration, seconds: time is ``centre + half * u``, u from -1 to 1.
    terms : (3, degree + 1) float64
        Coefficients of x, y and z in metres, constant first.
    error : float
        Largest distance from the orbit between the nodes, metres.
    """

    centre: float
    half: float
    terms: NDArray[np.float64]
    error: float


class Orbit:
    """State vectors in the Earth-centred, Earth-fixed frame (ECEF).

    Parameters
    ----------
    time : (vectors,) float
        Seconds since any epoch, increasing; the image's azimuth times use the same epoch.
    position : (vectors, 3) float
        Metres.
    velocity : (vectors, 3) float
        Metres per second.

    Raises
    ------
    ValueError
        If there are fewer than four vectors, shapes differ, a number is not finite, times do not increase, positions
        are not metres from the centre of the Earth, or velocities do not match the positions.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange(0.0, 60.0, 10.0)
    >>> angle = 0.001 * time
    >>> circle = 7e6 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> tangent = 7e3 * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    >>> position, velocity = Orbit(time, circle, tangent).at(25.0)
    >>> position.round(6).tolist() == (7e6 * np.array([np.cos(0.025), np.sin(0.025), 0])).round(6).tolist()
    True
    """

    def __init__(self, time: ArrayLike, position: ArrayLike, velocity: ArrayLike) -> None:
        self.time = np.array(time, np.float64)
        self.position = np.array(position, np.float64)
        self.velocity = np.array(velocity, np.float64)
        count = self.time.size
        if count < _VECTORS:
            raise ValueError(f"time must hold at least {_VECTORS} state vectors, got {count}")
        for name in ("position", "velocity"):
            vectors = getattr(self, name)
            if vectors.shape != (count, 3):
                raise ValueError(f"{name} must be (vectors, 3), ({count}, 3), got {vectors.shape}")
        if not all(np.isfinite(column).all() for column in (self.time, self.position, self.velocity)):
            raise ValueError("time, position and velocity must be finite")
        steps = np.diff(self.time)
        if not (steps > 0).all():
            raise ValueError(f"time must rise from vector to vector, got a step of {steps.min()} s")
        radius = np.linalg.norm(self.position, axis=1)
        if radius.min() < _NEAREST or radius.max() > _FURTHEST:
            raise ValueError(f"position must be metres from the centre of the Earth, got {radius.min():.6g} m")
        moved = np.linalg.norm(np.diff(self.position, axis=0), axis=1) / steps
        speed = np.linalg.norm(self.velocity, axis=1)
        if not (np.abs(moved - (speed[1:] + speed[:-1]) / 2) <= 0.05 * moved + 1).all():
            raise ValueError(f"velocity must be that of position, {moved[0]:.6g} m/s, got {speed[0]:.6g} m/s")

        for column in (self.time, self.position, self.velocity):
            # Quantities derived from an orbit are cached for it.
            column.flags.writeable = False

    def at(self, time: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity at given times, each (..., 3), by Hermite interpolation of the nearest four vectors.

        Raises
        ------
        ValueError
            If a time is more than one step of the vectors outside their span.
        """
        wanted = np.asarray(time, np.float64)
        step = float(np.median(np.diff(self.time)))
        if not ((wanted >= self.time[0] - step).all() and (wanted <= self.time[-1] + step).all()):
            raise ValueError(
                f"time must lie within the state vectors, {self.time[0]} to {self.time[-1]} s, "
                f"got {np.min(wanted)} to {np.max(wanted)} s"
            )
        first = np.clip(np.searchsorted(self.time, wanted) - _VECTORS // 2, 0, self.time.size - _VECTORS)
        position, velocity = np.zeros((*wanted.shape, 3)), np.zeros((*wanted.shape, 3))
        knots = [self.time[first + k] for k in range(_VECTORS)]
        for j in range(_VECTORS):
            others = [k for k in range(_VECTORS) if k != j]
            basis, slope, own = np.ones_like(wanted), np.zeros_like(wanted), np.zeros_like(wanted)
            for k in others:
                apart = knots[j] - knots[k]
                # Product rule, one factor at a time.
                slope = slope * (wanted - knots[k]) / apart + basis / apart
                basis = basis * (wanted - knots[k]) / apart
                own += 1 / apart
            beyond = wanted - knots[j]
            at_point, at_speed = (1 - 2 * beyond * own) * basis**2, beyond * basis**2
            point_slope = -2 * own * basis**2 + (1 - 2 * beyond * own) * 2 * basis * slope
            speed_slope = basis**2 + beyond * 2 * basis * slope
            x, v = self.position[first + j], self.velocity[first + j]
            position += at_point[..., None] * x + at_speed[..., None] * v
            velocity += point_slope[..., None] * x + speed_slope[..., None] * v
        return position, velocity

    def arc(self, start: float, stop: float, *, degree: int = 11) -> OrbitArc:
        """Polynomials of an orbit segment, through Chebyshev nodes.

        Raises
        ------
        ValueError
            If the segment is empty or lies outside the state vectors.
        """
        if not stop > start:
            raise ValueError(f"stop must come after start, got {start} to {stop} s")
        centre, half = (start + stop) / 2, (stop - start) / 2
        nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        position, _ = self.at(centre + half * nodes)
        # Relative to the middle, so that coordinates of thousands of kilometres do not reduce the precision of the fit.
        middle, _ = self.at(centre)
        series = np.polynomial.chebyshev.chebfit(nodes, position - middle, degree)
        terms = np.zeros((3, degree + 1))
        for axis, column in enumerate(series.T):
            # Trailing zeros are dropped on the way.
            powers = np.polynomial.chebyshev.cheb2poly(column)
            terms[axis, : len(powers)] = powers
        terms[:, 0] += middle
        between = np.linspace(-1, 1, 4 * degree + 3)
        truth, _ = self.at(centre + half * between)
        fitted = np.polynomial.polynomial.polyval(between, terms.T).T
        return OrbitArc(centre, half, terms, float(np.linalg.norm(fitted - truth, axis=1).max()))


def earth_fixed(longitude: Any, latitude: Any, height: Any) -> NDArray[np.float64]:
    """Earth-fixed position (..., 3) in metres from WGS 84 degrees and metres above the ellipsoid.

    Examples
    --------
    >>> earth_fixed(90.0, 0.0, 100.0).round(6).tolist()
    [0.0, 6378237.0, 0.0]
    """
    flattening = 1 / 298.257223563
    squared = flattening * (2 - flattening)
    longitude, latitude = np.radians(longitude), np.radians(latitude)
    normal = 6378137.0 / np.sqrt(1 - squared * np.sin(latitude) ** 2)
    across = (normal + height) * np.cos(latitude)
    parts = across * np.cos(longitude), across * np.sin(longitude), (normal * (1 - squared) + height) * np.sin(latitude)
    return np.stack(np.broadcast_arrays(*parts), axis=-1)
