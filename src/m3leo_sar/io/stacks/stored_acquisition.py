"""Orbit and grid with which a date was acquired, as plain values beside its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid

#: Attribute of a date.
ACQUISITION = "acquisition"
_VECTORS = ("time", "position", "velocity")


def acquisition_facts(orbit: Orbit, radar_grid: RadarGrid) -> dict[str, Any]:
    """Plain values of an orbit and a grid, which JSON keeps to the last bit."""
    grid = asdict(radar_grid)
    grid |= {"shape": list(radar_grid.shape), "doppler": list(radar_grid.doppler)}
    return {**{name: np.asarray(getattr(orbit, name)).tolist() for name in _VECTORS}, "radar_grid": grid}


def acquisition_of(facts: Mapping[str, Any]) -> tuple[Orbit, RadarGrid]:
    """Orbit and grid of :func:`acquisition_facts`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a value is missing or out of range.

    Examples
    --------
    >>> from m3leo_sar.simulate.circular_orbit import circular_orbit
    >>> grid = RadarGrid((3, 5), azimuth_time=0.1, azimuth_interval=0.002, slant_range=8e5, range_spacing=2.3,
    ...                  wavelength=0.0555)
    >>> orbit, again = acquisition_of(acquisition_facts(circular_orbit(), grid))
    >>> again == grid, bool((orbit.position == circular_orbit().position).all())
    (True, True)
    """
    return Orbit(*(facts[name] for name in _VECTORS)), RadarGrid(**facts["radar_grid"])
