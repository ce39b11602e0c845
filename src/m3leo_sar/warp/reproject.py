"""Reprojection of rasters from one map grid to another."""

from __future__ import annotations

from typing import Any

from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.warp.area import AREA_RESAMPLINGS, area_sample, check_resampling, corner_grid
from m3leo_sar.warp.mask import masked
from m3leo_sar.warp.outside import check_outside, refuse_outside
from m3leo_sar.warp.pixel_map import pixel_map
from m3leo_sar.warp.sample import sample


def _like(source: Any, tile: Any, **_: Any) -> Any:
    return prototype(source, (*source.shape[:-2], *as_geobox(tile, "tile").shape))


@door(
    arrays={"source": "*rc", "mask": "*rc"},
    like=_like,
    grid=lambda tile, **_: as_geobox(tile, "tile"),
)
def reproject(
    source: Any,
    source_geobox: GeoBox,
    tile: GeoBox | Tile,
    *,
    resampling: str = "bilinear",
    mask: Any = None,
    nodata: int | None = None,
    antialias: bool = True,
    outside: str = "empty",
) -> Any:
    """Reproject a raster onto the grid of a tile.

    Parameters
    ----------
    source : (rows, cols) or (bands, rows, cols) float32, float64, complex64, complex128, bool or integer
        NumPy, CuPy, torch, dask or xarray; NaN and masked values mark no data, and so does an infinity except
        for ``"nearest"``. bool and integers support ``"nearest"`` and ``"mode"`` only.
    source_geobox : GeoBox
        Grid of the source.
    tile : GeoBox or Tile
        Grid of the result, in any CRS.
    resampling : {"bilinear", "nearest", "cubic", "cubic_spline", "lanczos", "average", "sum", "min", "max", "mode"}
        Kernels ignore pixels without data and renormalise the other weights; less than half of the absolute weight
        gives NaN. nearest rounds halves up and copies bit for bit. The last five use the whole ground area of a tile
        pixel (:func:`m3leo_sar.warp.area.area_sample`): sum distributes amounts and preserves their total, mode is for
        labels.
    mask : (rows, cols) or (bands, rows, cols) bool, optional
        True where ``source`` has data; in the same library.
    nodata : int, optional
        No-data value, required for bool and integers.
    antialias : bool
        Stretch the kernel where the pixels of the tile are over 1.05 times as large as those of the source.
    outside : {"empty", "error"}
        Result for a tile without a pixel on the source: a chip without data, or a ValueError.

    Returns
    -------
    (tile rows, tile cols) or (bands, tile rows, tile cols), dtype and library of ``source``
        NaN (or ``nodata``) more than half a pixel outside the outermost pixel centres. On its own grid, or a crop of
        it, the source is returned bit for bit.

    Raises
    ------
    TypeError
        If the dtype is none of the above or not supported by the resampling, or the mask is not bool.
    ValueError
        If the shape is not that of ``source_geobox``, the resampling is unknown, a CRS is unknown to PROJ, or
        ``nodata`` is missing, given but not applicable, or does not fit the dtype, a stretched kernel needs more than
        40 pixels along an axis, or the tile is outside the source and ``outside`` is ``"error"``.

    Notes
    -----
    Positions are computed once per pair of grids, to 1e-5 pixel, and cached for the next call.

    Complex values are interpolated as complex numbers. Never pass wrapped phase as real numbers: the mean of +3.1 and
    -3.1 is not near pi. Pass ``numpy.exp(1j * phase)`` or the interferogram, and take the angle afterwards.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import GeoBox, reproject
    >>> source = GeoBox.from_bounds((0, 0, 40, 20), shape=(2, 4), crs="EPSG:32631")
    >>> tile = GeoBox.from_bounds((10, 0, 60, 20), shape=(2, 5), crs="EPSG:32631")
    >>> reproject(np.arange(8, dtype="float32").reshape(2, 4), source, tile)
    array([[ 1.,  2.,  3., nan, nan],
           [ 5.,  6.,  7., nan, nan]], dtype=float32)
    """
    tile_geobox = as_geobox(tile, "tile")
    check_resampling(resampling)
    check_outside(outside)
    source = masked(source, mask, nodata, names=("source", "mask"))
    if resampling in AREA_RESAMPLINGS:
        corners = pixel_map(source_geobox, corner_grid(tile_geobox))
        refuse_outside(corners, outside)
        return area_sample(source, corners, resampling=resampling, nodata=nodata)
    positions = pixel_map(source_geobox, tile_geobox)
    refuse_outside(positions, outside)
    return sample(source, positions, resampling=resampling, nodata=nodata, antialias=antialias)
