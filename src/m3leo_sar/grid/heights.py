"""Heights of a digital elevation model above the WGS 84 ellipsoid, whatever its vertical datum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import (
    ELLIPSOIDAL,
    compound_crs,
    ellipsoidal_transformer,
    has_heights,
    horizontal_crs,
    is_same_horizontal,
)

#: Heights that are converted at a time.
_POSTS = 1 << 18
#: ``vertical_crs`` of heights that are above the WGS 84 ellipsoid already.
ELLIPSOID = "ellipsoid"


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
        DEM), ``"EPSG:5773"`` for EGM96 (SRTM), ``"ellipsoid"`` for heights that need no conversion.

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
    if vertical_crs == ELLIPSOID:
        return dem, dem_geobox
    if vertical_crs is not None:
        crs = compound_crs(crs, vertical_crs)
    flat = GeoBox(dem_geobox.shape, dem_geobox.affine, horizontal_crs(crs))
    if crs.upper() == ELLIPSOIDAL:
        return dem, flat
    transformer = ellipsoidal_transformer(crs)
    out = np.full(dem.shape, np.nan, dem.dtype)
    # Coordinates take many times the memory of the heights.
    rows = max(1, _POSTS // max(dem.shape[1], 1))
    for first in range(0, dem.shape[0], rows):
        block = slice(first, first + rows)
        out[block] = _converted(np.asarray(dem)[block], flat.crop(block, slice(None)), transformer)
    return out, flat


def _converted(heights: NDArray[Any], box: GeoBox, transformer: Any) -> NDArray[np.float64]:
    """Metres above the ellipsoid of some rows; NaN where they are unknown or outside the geoid grid."""
    known = np.isfinite(heights)
    x, y = (axis[known] for axis in box.centres())
    found = transformer.transform(x, y, heights[known].astype(np.float64))[2]
    out = np.full(heights.shape, np.nan)
    out[known] = np.where(np.isfinite(found), found, np.nan)
    return out


def labelled_heights(dem_geobox: GeoBox, label: str, *, vertical_crs: str | None) -> GeoBox:
    """Grid of a digital elevation model, with the vertical datum that the model's own label or the caller states.

    Parameters
    ----------
    dem_geobox : GeoBox
        Its grid, as given by the caller.
    label : str
        CRS that the data carry, such as one read from a file.
    vertical_crs : str, optional
        Vertical datum, as given by the caller.

    Raises
    ------
    ValueError
        If none of the three states what the heights are above, or the label is in another horizontal CRS than the grid.
    """
    if vertical_crs is not None or has_heights(dem_geobox.crs):
        return dem_geobox
    if not has_heights(label):
        raise ValueError(
            f"vertical_crs must specify the vertical datum of dem, as its CRS does not ({label!r:.60}): "
            "'EPSG:3855' for EGM2008 (Copernicus DEM), 'EPSG:5773' for EGM96 (SRTM), 'ellipsoid' for WGS 84"
        )
    if not is_same_horizontal(label, dem_geobox.crs):
        raise ValueError(f"dem_geobox must be in the CRS of dem, {label!r:.60}, got {dem_geobox.crs!r:.60}")
    return GeoBox(dem_geobox.shape, dem_geobox.affine, label)
