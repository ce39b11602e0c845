"""Perpendicular and parallel baseline of two passes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from m3leo_sar.grid.orbit import Orbit


class Baseline(NamedTuple):
    """Separation of two passes in the plane across the flight.

    Parameters
    ----------
    perpendicular : float
        Metres across the line of sight, positive away from the Earth's centre.
    parallel : float
        Metres along the line of sight, positive towards the ground.
    """

    perpendicular: float
    parallel: float


def baseline(reference: Orbit, secondary: Orbit, point: ArrayLike) -> Baseline:
    """Baseline of two passes for a point on the ground.

    Each orbit is taken where it passes the point abeam (zero Doppler), so their clocks may differ.

    Parameters
    ----------
    reference, secondary : Orbit
        Both in the Earth-fixed frame.
    point : (3,) float
        Earth-fixed metres, :func:`m3leo_sar.grid.orbit.earth_fixed`.

    Raises
    ------
    ValueError
        If an orbit does not pass the point within its state vectors.

    References
    ----------
    Zebker and Villasenor, 1992, IEEE TGRS 30(5), 950-959.
    """
    target = np.asarray(point, np.float64)
    here, velocity = _abeam(reference, target)
    there, _ = _abeam(secondary, target)
    along = velocity / np.linalg.norm(velocity)
    sight = target - here
    sight -= (sight @ along) * along
    sight /= np.linalg.norm(sight)
    apart = there - here
    apart -= (apart @ along) * along
    parallel = float(apart @ sight)
    across = apart - parallel * sight
    return Baseline(float(np.copysign(np.linalg.norm(across), across @ here)), parallel)


def _abeam(orbit: Orbit, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity where the orbit passes a point at a right angle, by bisection."""
    low, high = float(orbit.time[0]), float(orbit.time[-1])

    def ahead(time: float) -> float:
        position, velocity = orbit.at(time)
        return float(velocity @ (target - position))

    if not ahead(low) >= 0 >= ahead(high):
        raise ValueError(f"orbit must pass the point within its state vectors, {low} to {high} s")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if ahead(middle) >= 0 else (low, middle)
    return orbit.at((low + high) / 2)
