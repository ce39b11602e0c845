"""How far an echo lies from the place that annotation and orbit give: delays that a product does not correct."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from m3leo_sar.simulate.swath_numbers import LIGHT, LINE, SAMPLING, SWATHS

#: Two-way seconds of the middle of the second swath, for which the processor corrects the motion during the echo.
MIDDLE_TIME = SWATHS["IW2"].range_time + 26_818 / 2 / SAMPLING


def unannotated_shift(swath: str, two_way: Any, frequency: Any, height: Any, *, incidence: float) -> tuple[Any, Any]:
    """Lines and columns to add to where a point would lie.

    Parameters
    ----------
    swath : str
    two_way : array_like
        Two-way time of the point, seconds.
    frequency : array_like
        Doppler frequency at the centre of its band, Hz.
    height : array_like
        Metres above the ellipsoid.
    incidence : float
        Degrees between the vertical of the ground and the line of sight.

    Notes
    -----
    The satellite moves on while an echo travels; the processor takes one travel time for all ranges. The troposphere
    delays by 2.41 m at sea level towards the zenith. A rising chirp with a Doppler shift is compressed early.

    References
    ----------
    Gisinger et al., 2021, IEEE TGRS 59(2), 1218-1236, equation 21; Jehle et al., 2008, Sensors 8, 8479-8491.
    """
    numbers = SWATHS[swath]
    early = (MIDDLE_TIME + two_way) / 2 - numbers.rank / numbers.pulse_rate
    delay = (height**2 / 8.55e7 - height / 3411 + 2.41) / math.cos(math.radians(incidence))
    columns = (2 / LIGHT * np.asarray(delay) - np.asarray(frequency) / numbers.ramp) * SAMPLING
    return -early / LINE, columns
