"""Phase of an interferogram that follows from orbits and terrain alone."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.geo2rdr import geo2rdr


class Acquisition(NamedTuple):
    """An image by its path and its grid.

    Parameters
    ----------
    orbit : Orbit
        State vectors over its times.
    radar_grid : RadarGrid
        Its own azimuth times and ranges.
    """

    orbit: Orbit
    radar_grid: RadarGrid


def range_phase(
    latitude: Any, longitude: Any, height: Any, *, reference: Acquisition, secondary: Acquisition
) -> np.ndarray:
    """Phase that unmoved ground has in reference x conj(secondary): flat earth and topography together.

    Parameters
    ----------
    latitude, longitude, height : array_like
        Where each pixel lies: WGS 84 degrees and metres above the ellipsoid, such as from
        :func:`m3leo_sar.warp.geo2rdr.rdr2geo`. With the terrain's heights both are removed, with 0 the flat
        earth alone.
    reference, secondary : Acquisition
        The two images, each with its own orbit and grid.

    Returns
    -------
    float64
        Radians, not wrapped, in the shape of the positions: ``-4 pi / wavelength * (range to reference - range to
        secondary)``; NaN where a point is not seen by both. Pass it as ``reference_phase`` to
        :func:`m3leo_sar.interferogram` and :func:`m3leo_sar.coherence`.

    Raises
    ------
    ValueError
        If the wavelengths differ, or an orbit does not cover its image.

    References
    ----------
    Rosen et al., 2000, Proceedings of the IEEE 88(3), 333-382, section II.

    Examples
    --------
    A pair flown twice on the same path has none:

    >>> import numpy as np
    >>> time = np.arange(0.0, 60.0, 10.0)
    >>> turn = np.radians(40) + 1e-3 * time
    >>> circle = 7.07e6 * np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=1)
    >>> tangent = 7.07e3 * np.stack([-np.sin(turn), 0 * turn, np.cos(turn)], axis=1)
    >>> grid = RadarGrid((1000, 90), azimuth_time=20.0, azimuth_interval=0.01, slant_range=8e5, range_spacing=3.0,
    ...                  wavelength=0.0555)
    >>> image = Acquisition(Orbit(time, circle, tangent), grid)
    >>> range_phase([41.6], [5.0], [100.0], reference=image, secondary=image).tolist()
    [-0.0]
    """
    wavelengths = reference.radar_grid.wavelength, secondary.radar_grid.wavelength
    if not math.isclose(*wavelengths, rel_tol=1e-9):
        raise ValueError(f"secondary must have the wavelength of reference, {wavelengths[0]} m, got {wavelengths[1]} m")
    ranges = []
    for orbit, grid in (reference, secondary):
        _, cols = geo2rdr(latitude, longitude, height, orbit=orbit, radar_grid=grid)
        ranges.append(grid.slant_range + cols * grid.range_spacing)
    return -4 * math.pi / wavelengths[0] * (ranges[0] - ranges[1])
