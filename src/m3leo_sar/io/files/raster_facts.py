"""Size, grid and vertical datum of a raster other than a chip, such as a terrain model."""

from __future__ import annotations

import os
from pathlib import Path

from m3leo_sar.grid.pixel_spacing import pixel_spacing
from m3leo_sar.grid.projection import vertical_part
from m3leo_sar.io.files.raster import geobox_of, open_raster


def raster_facts(path: str | os.PathLike[str]) -> dict[str, str]:
    """Facts of a raster by name; no pixel is read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no raster.
    """
    with open_raster(path) as source:
        box = geobox_of(source)
        facts = {
            "kind": f"raster of {source.driver}, no chip",
            "bands": f"{source.count} of {', '.join(dict.fromkeys(source.dtypes))}",
            "size": f"{source.height} rows x {source.width} columns, {Path(path).stat().st_size / 1e6:.3g} MB",
            "no data": "not stated" if source.nodata is None else f"{source.nodata:g}",
        }
    if box is None:
        return {**facts, "grid": "not stated"}
    rows, cols = pixel_spacing(box)
    return {
        **facts,
        "CRS": box.crs,
        "vertical datum": vertical_part(box.crs) or "not stated; coregister takes it from --dem-datum",
        "spacing": f"{rows:.3g} m x {cols:.3g} m",
        "bounds in degrees": ", ".join(f"{edge:.4f}" for edge in box.bounds_in("EPSG:4326")),
    }
