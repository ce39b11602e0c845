"""Area resampling: values of a raster over the whole ground area of each tile pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from affine import Affine

from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import LABEL_DTYPES, NAN_DTYPES, RESAMPLINGS, backend_for, check_fits, check_nodata
from m3leo_sar.warp.seam import joined_ends

#: Rules by their number in ext/warp/area.h; ``mode`` has a separate kernel.
_RULES = {"average": 0, "sum": 1, "min": 2, "max": 3}
#: Resamplings over the whole ground area of a pixel instead of the neighbourhood of its centre.
AREA_RESAMPLINGS = (*_RULES, "mode")


def check_resampling(resampling: str) -> None:
    """Refuse a resampling without a kernel or a rule.

    Raises
    ------
    ValueError
        If it is unknown.
    """
    known = (*RESAMPLINGS, *AREA_RESAMPLINGS)
    if resampling not in known:
        raise ValueError(f"resampling must be one of {', '.join(known)}, got {resampling!r}")


def corner_grid(tile: GeoBox | Tile) -> GeoBox:
    """Grid whose pixel centres are the corners of the tile's pixels, with one more row and column.

    Examples
    --------
    >>> tile = GeoBox.from_bounds((0, 0, 30, 20), shape=(2, 3), crs="EPSG:32631")
    >>> corner_grid(tile).bounds
    (-5.0, -5.0, 35.0, 25.0)
    """
    tile_geobox = as_geobox(tile, "tile")
    rows, cols = tile_geobox.shape
    return GeoBox((rows + 1, cols + 1), tile_geobox.affine @ Affine.translation(-0.5, -0.5), tile_geobox.crs)


def _like(source: Any, corners: PixelMap, **_: Any) -> Any:
    return prototype(source, (*source.shape[:-2], *(size - 1 for size in corners.shape)))


@door(arrays={"source": "*rc"}, like=_like, grid=lambda **_: None)
def area_sample(source: Any, corners: PixelMap, *, resampling: str, nodata: int | None = None) -> Any:
    """Compute means, sums, extremes or the most common label of a raster over the ground area of each tile pixel.

    The ground area is the polygon of the pixel's four corners in the source. Each source pixel is weighted exactly by
    its area inside the polygon.

    Parameters
    ----------
    source : (rows, cols) or (bands, rows, cols) float32, float64, complex64, complex128, bool or integer
        A value that is not finite is no data in float and complex rasters. ``"mode"`` is for bool and integers, the
        others are for float; ``"average"`` and ``"sum"`` are also for complex.
    corners : PixelMap
        Position of the corners of the tile's pixels, (tile rows + 1, tile cols + 1): the map of :func:`corner_grid`.
    resampling : {"average", "sum", "min", "max", "mode"}
        average, min, max and mode are no data where less than half of the ground area is covered by valid pixels; sum
        where none is. sum treats the values as amounts per pixel (people, built square metres) and distributes them, so
        that the total over tiles that cover the source equals that of the source. Of labels with equal shares the
        lowest is taken.
    nodata : int, optional
        No-data value of input and output, required for bool and integers; refused otherwise.

    Returns
    -------
    (tile rows, tile cols) or (bands, tile rows, tile cols), dtype and library of ``source``

    Raises
    ------
    TypeError
        If the resampling does not support the dtype.
    ValueError
        If the shape does not match the map, the resampling is unknown, or ``nodata`` is missing, given but not
        applicable, or does not fit the dtype.

    References
    ----------
    Jones, 1999, Monthly Weather Review 127, 2204-2210 (first-order conservative remapping); Sutherland and Hodgman,
    1974, Communications of the ACM 17(1), 32-42 (clipping).

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar.warp.pixel_map import pixel_map
    >>> source = GeoBox.from_bounds((0, 0, 40, 20), shape=(2, 4), crs="EPSG:32631")
    >>> tile = GeoBox.from_bounds((0, 0, 40, 20), shape=(1, 2), crs="EPSG:32631")
    >>> amounts = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, np.nan]])
    >>> area_sample(amounts, pixel_map(source, corner_grid(tile)), resampling="sum")
    array([[ 6., 10.]])
    """
    bands, work = _checked(source, corners, resampling, nodata)
    bands, corners = joined_ends(bands, corners, margin=1, nodata=nodata)
    taken = work(backend_for(source, corners), bands, corners.rows, corners.cols)
    return taken if source.ndim == 3 else taken[0]


def _checked(
    source: Any, corners: PixelMap, resampling: str, nodata: int | None
) -> tuple[Any, Callable[[Any, Any, Any, Any], Any]]:
    """Source as (bands, rows, cols) and the kernel to run; refuse an invalid source."""
    if resampling not in AREA_RESAMPLINGS:
        raise ValueError(f"resampling must be one of {', '.join(AREA_RESAMPLINGS)}, got {resampling!r}")
    bands, dtype = check_fits(source, corners), str(source.dtype)
    if resampling == "mode":
        if dtype not in LABEL_DTYPES:
            raise TypeError(f"source must be bool or integers for resampling 'mode', got {dtype}")
        check_nodata(dtype, nodata)
        return bands, lambda backend, *arrays: backend.area_mode(*arrays, nodata)
    known = NAN_DTYPES if resampling in ("average", "sum") else NAN_DTYPES[:2]
    if dtype not in known:
        raise TypeError(
            f"source must be {' or '.join(known)} for resampling {resampling!r}, got {dtype}; "
            "turn integers into float with NaN for no data"
        )
    check_nodata(dtype, nodata)
    return bands, lambda backend, *arrays: backend.area_value(*arrays, _RULES[resampling])
