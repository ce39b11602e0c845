"""Map coordinates of a pixel grid, with xarray and CF names."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar.grid.geobox import GeoBox


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
    from pyproj import CRS

    a, b, c, d, e, f = tuple(geobox.affine)[:6]
    crs = CRS.from_user_input(geobox.crs)
    transform = " ".join(str(float(value)) for value in (c, a, b, f, d, e))
    coordinates: dict[str, Any] = {"spatial_ref": ((), 0, {**crs.to_cf(), "GeoTransform": transform})}
    if geobox.is_axis_aligned:
        names = (
            ("latitude", "longitude") if crs.is_geographic else ("projection_y_coordinate", "projection_x_coordinate")
        )
        units = ("degrees_north", "degrees_east") if crs.is_geographic else (_unit(crs),) * 2
        rows, cols = (np.arange(size) + 0.5 for size in geobox.shape)
        coordinates["y"] = ("y", e * rows + f, {"standard_name": names[0], "units": units[0]})
        coordinates["x"] = ("x", a * cols + c, {"standard_name": names[1], "units": units[1]})
    return coordinates


def _unit(crs: Any) -> str:
    name = crs.axis_info[0].unit_name if crs.axis_info else "metre"
    return "m" if name == "metre" else str(name)
