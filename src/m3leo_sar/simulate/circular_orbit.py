"""An orbit with a known formula."""

from __future__ import annotations

import numpy as np

from m3leo_sar.grid.orbit import Orbit

#: Gravity of the Earth, m^3/s^2, and its turning, radians per second.
_GRAVITY, _TURN = 3.986004418e14, 7.2921159e-5


def circular_orbit(*, interval: float = 10.0, radius: float = 7.07e6, inclination: float = 98.2) -> Orbit:
    """Two minutes of a circular orbit like Sentinel-1's, in the frame of the turning Earth, about time 0.

    Parameters
    ----------
    interval : float
        Seconds between state vectors.
    radius : float
        Metres from the centre of the Earth.
    inclination : float
        Degrees.

    Examples
    --------
    >>> position, velocity = circular_orbit().at(0.0)
    >>> round(float(np.linalg.norm(position))), bool(7000 < np.linalg.norm(velocity) < 8000)
    (7070000, True)
    """
    time = np.arange(-60.0, 60.0 + interval / 2, interval)
    tilt, speed = np.radians(inclination), np.sqrt(_GRAVITY / radius**3)

    def position(at: np.ndarray) -> np.ndarray:
        angle = speed * at + np.radians(128)
        x, y = radius * np.cos(angle), radius * np.sin(angle) * np.cos(tilt)
        cosine, sine = np.cos(_TURN * at + 2.0), np.sin(_TURN * at + 2.0)
        return np.stack([x * cosine + y * sine, y * cosine - x * sine, radius * np.sin(angle) * np.sin(tilt)], axis=1)

    # The eighth-order difference: to rounding.
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    velocity = sum(w * (position(time + k * 0.5) - position(time - k * 0.5)) / 0.5 for k, w in weights.items())
    return Orbit(time, position(time), velocity)
