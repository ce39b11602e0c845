"""Map coordinates of a pixel grid, with xarray and CF names."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import axis_unit, cf_grid_mapping, is_geographic


def map_coordinates(geobox: GeoBox) -> dict[str, Any]:
    """Coordinates y and x of the pixel centres, and ``spatial_ref`` with the CRS and the affine transform.

    A grid whose rows and columns do not follow the axes of its CRS has only ``spatial_ref``.

    Examples
    --------
    >>> box = GeoBox.from_bounds((0, 0, 40, 20), shape=(2, 4), crs="EPSG:32631")
    >>> coordinates = map_coordinates(box)
    >>> coordinates["x"][1].tolist(), coordinates["spatial_ref"][2]["GeoTransform"]
    ([5.0, 15.0, 25.0, 35.0], '0.0 10.0 0.0 20.0 0.0 -10.0')
    """
    a, b, c, d, e, f = tuple(geobox.affine)[:6]
    transform = " ".join(str(float(value)) for value in (c, a, b, f, d, e))
    coordinates: dict[str, Any] = {"spatial_ref": ((), 0, {**cf_grid_mapping(geobox.crs), "GeoTransform": transform})}
    if geobox.is_axis_aligned:
        if is_geographic(geobox.crs):
            names, units = ("latitude", "longitude"), ("degrees_north", "degrees_east")
        else:
            names, units = ("projection_y_coordinate", "projection_x_coordinate"), (_unit(geobox.crs),) * 2
        rows, cols = (np.arange(size) + 0.5 for size in geobox.shape)
        coordinates["y"] = ("y", e * rows + f, {"standard_name": names[0], "units": units[0]})
        coordinates["x"] = ("x", a * cols + c, {"standard_name": names[1], "units": units[1]})
    return coordinates


def _unit(crs: str) -> str:
    name, _ = axis_unit(crs)
    return "m" if name == "metre" else name
