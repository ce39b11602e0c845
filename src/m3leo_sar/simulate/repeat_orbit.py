"""The path of a satellite over the same ground every twelve days, by formula."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Seconds of one of the 175 revolutions that Sentinel-1 completes in twelve days.
REVOLUTION = 12 * 86_400 / 175
#: A sun-synchronous node turns once per day relative to the Earth, radians per second, westwards.
_NODE_TURN = -2 * math.pi / 86_400


class Motion(NamedTuple):
    """Position, velocity and acceleration in the Earth-fixed frame, each (..., 3): m, m/s, m/s^2."""

    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    acceleration: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RepeatOrbit:
    """A circle whose node turns with the sun, so that the ground track repeats every twelve days.

    Parameters
    ----------
    node_time : float
        Seconds at the ascending node, since any epoch.
    node_longitude : float
        Degrees of longitude of that node.
    radius : float
        Metres from the centre of the Earth.
    inclination : float
        Degrees.
    up, right : float
        Distance of this pass from the nominal path, metres: away from the Earth, and to the right of flight.

    Examples
    --------
    >>> orbit = RepeatOrbit(node_time=100.0, node_longitude=30.0)
    >>> position, velocity, _ = orbit.at(100.0)
    >>> round(float(np.degrees(np.arctan2(position[1], position[0])))), round(float(position[2])), velocity[2] > 0
    (30, 0, np.True_)
    """

    node_time: float
    node_longitude: float
    radius: float = 7.071e6
    inclination: float = 98.18
    up: float = 0.0
    right: float = 0.0

    def at(self, time: ArrayLike) -> Motion:
        """Motion at given times."""
        since = np.asarray(time, np.float64) - self.node_time
        rate, radius = 2 * math.pi / REVOLUTION, self.radius + self.up
        tilt = math.radians(self.inclination)
        level, steep = math.cos(tilt), math.sin(tilt)
        # In the frame of the node: x towards it, z along the axis of the Earth.
        ahead, aside = radius * np.cos(rate * since), radius * np.sin(rate * since)
        place = ahead, aside * level + self.right * steep, aside * steep - self.right * level
        speed = -rate * aside, rate * level * ahead, rate * steep * ahead
        pull = -(rate**2) * ahead, -(rate**2) * level * aside, -(rate**2) * steep * aside
        spin = _NODE_TURN
        moving = speed[0] - spin * place[1], speed[1] + spin * place[0], speed[2]
        bending = (
            pull[0] - 2 * spin * speed[1] - spin**2 * place[0],
            pull[1] + 2 * spin * speed[0] - spin**2 * place[1],
            pull[2],
        )
        turn = math.radians(self.node_longitude) + spin * since
        cosine, sine = np.cos(turn), np.sin(turn)
        return Motion(*(_turned(vector, cosine, sine) for vector in (place, moving, bending)))


def _turned(vector: tuple[Any, Any, Any], cosine: Any, sine: Any) -> NDArray[np.float64]:
    out = np.empty((*np.shape(cosine), 3))
    out[..., 0] = vector[0] * cosine - vector[1] * sine
    out[..., 1] = vector[0] * sine + vector[1] * cosine
    out[..., 2] = vector[2]
    return out
