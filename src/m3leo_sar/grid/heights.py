"""Heights of a digital elevation model above the WGS 84 ellipsoid, whatever the vertical datum of its CRS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import compound_crs, ellipsoidal_transformer, has_heights, horizontal_crs


def ellipsoidal_heights(dem: Any, dem_geobox: GeoBox, *, vertical_crs: str | None = None) -> tuple[Any, GeoBox]:
    """Convert the heights of a digital elevation model to the WGS 84 ellipsoid.

    Parameters
    ----------
    dem : (rows, cols) float32 or float64
        Heights in the unit of the CRS, NaN where unknown. NumPy.
    dem_geobox : GeoBox
        Its grid. A compound CRS such as EPSG:4326+3855 specifies the vertical datum.
    vertical_crs : str, optional
        Vertical datum, where the CRS of the grid does not specify it: ``"EPSG:3855"`` for EGM2008 (Copernicus
        DEM), ``"EPSG:5773"`` for EGM96 (SRTM).

    Returns
    -------
    dem : (rows, cols), dtype of ``dem``
        Metres above the ellipsoid; NaN also outside the geoid grid.
    dem_geobox : GeoBox
        The same grid in its horizontal CRS.

    Raises
    ------
    ValueError
        If neither CRS specifies the vertical datum, or both do, or PROJ lacks the geoid grid; the message names the
        grid and its folder.
    """
    crs = dem_geobox.crs
    if has_heights(crs) and vertical_crs is not None:
        raise ValueError(f"vertical_crs must be left out where the CRS has heights, got {vertical_crs} and {crs}")
    if vertical_crs is not None:
        crs = compound_crs(crs, vertical_crs)
    flat = GeoBox(dem_geobox.shape, dem_geobox.affine, horizontal_crs(crs))
    known = np.isfinite(dem)
    x, y = (axis[known] for axis in flat.centres())
    height: NDArray[Any] = ellipsoidal_transformer(crs).transform(x, y, np.asarray(dem)[known].astype(np.float64))[2]
    out = np.full(dem.shape, np.nan, dem.dtype)
    out[known] = np.where(np.isfinite(height), height, np.nan)
    return out, flat
