"""Attributes with which co-registration writes stacks and their dates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.sources.terrain import height_fingerprint
from m3leo_sar.io.stacks.stored_acquisition import ACQUISITION, acquisition_facts
from m3leo_sar.run.coregistration.coregistration_plan import BurstImage, inputs_of_image
from m3leo_sar.run.coregistration.pass_orbits import PassOrbit
from m3leo_sar.stack.geometry import OrbitGeometry


def date_facts(image: BurstImage, orbit: PassOrbit) -> dict[str, Any]:
    """Attributes of a date of a stack."""
    burst = image.image
    there = orbit.acquisition(burst)
    return {
        "time": burst.start.isoformat(),
        "platform": burst.mission,
        "processor": burst.processor,
        "orbit_kind": orbit.kind,
        "inputs": inputs_of_image(burst, orbit),
        ACQUISITION: acquisition_facts(there.orbit, there.radar_grid),
    }


def stack_facts(image: BurstImage, geometry: OrbitGeometry, terrain: Any, *, flatten: bool) -> dict[str, Any]:
    """Attributes of a new stack."""
    burst = image.image
    return {
        "burst": str(image.identifier),
        "polarisation": image.polarisation,
        "orbit": burst.annotation.orbit_direction,
        "track": image.identifier.track,
        "wavelength": geometry.radar_grid.wavelength,
        "frequency": None,
        "reference": image.date.isoformat(),
        "first_line": burst.start.isoformat(),
        "flattened": flatten,
        "outline": _outline(np.asarray(burst.valid)),
        "terrain": height_fingerprint(geometry.dem, geometry.dem_geobox),
        "terrain_source": None if terrain is None else terrain.fingerprint,
    }


def _outline(valid: NDArray[np.integer[Any]]) -> list[list[float]]:
    """Convex outline of the valid samples: the edges of a burst are straight to a few samples."""
    import shapely

    rows = np.flatnonzero(valid[:, 0] >= 0)
    if not rows.size:
        raise ValueError("the reference has no valid sample")
    points = np.concatenate([np.stack([rows, valid[rows, side]], axis=1) for side in (0, 1)])
    hull = shapely.convex_hull(shapely.multipoints(points))
    return [[float(row), float(col)] for row, col in shapely.get_coordinates(hull)[:-1]]
