"""Areas of rectangles in longitude and latitude."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Semi-minor axis in metres and first eccentricity of WGS 84.
_MINOR, _ECCENTRICITY = 6_356_752.314245179, 0.08181919084262149


def rectangle_areas(bounds: ArrayLike) -> NDArray[np.float64]:
    """Areas on the WGS 84 ellipsoid between meridians and parallels.

    Parameters
    ----------
    bounds : (rectangles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees.

    Returns
    -------
    (rectangles,) float64
        Square metres.

    References
    ----------
    Snyder, 1987, USGS Professional Paper 1395, equation 3-12 (the authalic latitude's q).

    Examples
    --------
    >>> bool(abs(rectangle_areas([(-180, -90, 180, 90)])[0] - 510_065_621_724_089) < 1e3)
    True
    """
    west, south, east, north = np.radians(np.asarray(bounds, np.float64).reshape(-1, 4)).T
    return _MINOR**2 / 2 * (east - west) * (_zone(north) - _zone(south))


def _zone(latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    sine = np.sin(latitude)
    return sine / (1 - (_ECCENTRICITY * sine) ** 2) + np.arctanh(_ECCENTRICITY * sine) / _ECCENTRICITY
