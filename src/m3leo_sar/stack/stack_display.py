"""Display of a stack."""

from __future__ import annotations

from typing import Any

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.geometry import OrbitGeometry


def geometry_text(geometry: Any) -> str:
    """How a stack in range and azimuth knows where its pixels lie."""
    if isinstance(geometry, OrbitGeometry):
        return "range and azimuth, by orbit and terrain"
    return "range and azimuth, by latitude and longitude"


def facts_of_stack(stack: Any) -> dict[str, Any]:
    """Properties of a stack by name; None for unknown ones."""
    first, last = stack.dates[0], stack.dates[-1]
    count = len(stack.dates)
    geometry = stack.geometry
    return {
        "name": stack.name,
        "dates": f"{count}, {first} to {last}" if count > 1 else f"1, {first}",
        "shape": f"{stack.shape[1]} rows x {stack.shape[2]} cols",
        "dtype": stack.dtype,
        "polarisation": stack.polarisation,
        "orbit": stack.orbit,
        "track": stack.track,
        "burst": stack.burst,
        "frequency": stack.frequency,
        "flattened": {True: "yes", False: "no"}.get(stack.flattened),
        "platforms": ", ".join(sorted({name for name in stack.platforms or () if name})) or None,
        "geometry": geometry.crs if isinstance(geometry, GeoBox) else geometry_text(geometry),
    }
