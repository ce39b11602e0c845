"""The Doppler frequency under which a steered antenna sees a point, from the motion of the satellite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.repeat_orbit import RepeatOrbit
from m3leo_sar.simulate.swath_numbers import FREQUENCY, LIGHT, WAVELENGTH
from m3leo_sar.simulate.zero_doppler import ground_place, on_earth


@dataclass(frozen=True, kw_only=True)
class RangeSeries:
    """A polynomial in two-way range time: its reference time in seconds, and coefficients, constant first."""

    origin: float
    terms: tuple[float, ...]

    def at(self, two_way: Any) -> Any:
        """Value at two-way times."""
        return np.polynomial.polynomial.polyval(np.asarray(two_way, np.float64) - self.origin, self.terms)


@dataclass(frozen=True, kw_only=True)
class SteeredBeam:
    """The antenna during one burst.

    Parameters
    ----------
    middle : float
        Seconds at the middle of the burst.
    middle_range : float
        Two-way seconds of the middle of the swath, where the Doppler centroid holds at ``middle``.
    steering : float
        Hz per second by which turning the antenna moves the frequency.
    rate, centroid : RangeSeries
        Hz per second by which the Doppler frequency of a point falls, and the Doppler centroid in Hz.
    """

    middle: float
    middle_range: float
    steering: float
    rate: RangeSeries
    centroid: RangeSeries

    def frequency(self, time: Any, two_way: Any) -> NDArray[np.float64]:
        """Hz at the centre of the band in which a point is seen.

        Parameters
        ----------
        time : array_like
            Seconds at which the point lies abeam.
        two_way : array_like
            Its two-way time, seconds.

        Notes
        -----
        The frequency of a point falls along ``rate x (t - time)``, the beam's rises along ``centroid + steering x (t -
        start)``: the point is seen where the two lines meet. ``start`` is such that the point in the middle of burst
        and swath is seen at its centroid.
        """
        rate, centroid = self.rate.at(two_way), self.centroid.at(two_way)
        start = self.middle + self.centroid.at(self.middle_range) / self.rate.at(self.middle_range)
        seen = (rate * time - self.steering * start + centroid) / (rate - self.steering)
        return rate * (seen - time)


def steering_frequency(orbit: RepeatOrbit, time: float, degrees_per_second: float) -> float:
    """Hz per second by which an antenna that turns moves the Doppler frequency."""
    speed = float(np.linalg.norm(orbit.at(time).velocity))
    return 2 * speed / WAVELENGTH * math.radians(degrees_per_second)


def falling_rate(
    orbit: RepeatOrbit, time: float, *, origin: float, two_way: tuple[float, float], height: float
) -> RangeSeries:
    """Rate at which the Doppler frequency of ground at a height falls, over a stretch of two-way times."""
    nodes = np.linspace(*two_way, 9)
    place = ground_place(orbit, time, nodes * LIGHT / 2, height)
    position, velocity, acceleration = orbit.at(time)
    away = position - on_earth(*place)
    distance = np.linalg.norm(away, axis=-1)
    rate = -2 * FREQUENCY / LIGHT / distance * ((velocity**2).sum() + (away * acceleration).sum(axis=-1))
    # Scaled, since powers of microseconds are tiny.
    fitted = np.polynomial.Polynomial.fit(nodes - origin, rate, 2).convert().coef
    return RangeSeries(origin=origin, terms=tuple(float(term) for term in fitted))
