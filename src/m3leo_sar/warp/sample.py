"""Resampling of a raster at the positions of a pixel map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.seam import joined_ends

#: Resampling methods.
RESAMPLINGS = ("nearest", "bilinear", "cubic", "cubic_spline", "lanczos")

#: Kernels by their number in ext/warp/warp.h, and half their width in pixels.
KERNELS = {"bilinear": (0, 1), "cubic": (1, 2), "cubic_spline": (2, 2), "lanczos": (3, 3)}

#: Steps of more source pixels than this are downsampling; below this, a kernel is not stretched.
DOWNSAMPLING = 1.05
#: Maximum kernel size in pixels along an axis.
TAPS = 40

#: Dtypes in which NaN marks no data; the result has the dtype of the input.
NAN_DTYPES = ("float32", "float64", "complex64", "complex128")

#: Dtypes of labels and counts: nearest only, and ``nodata`` is the no-data value.
LABEL_DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def _like(source: Any, pixel_map: PixelMap, **_: Any) -> Any:
    return prototype(source, (*source.shape[:-2], *pixel_map.shape))


@door(arrays={"source": "*rc"}, like=_like, grid=lambda **_: None)
def sample(
    source: Any,
    pixel_map: PixelMap,
    *,
    resampling: str = "bilinear",
    nodata: int | None = None,
    antialias: bool = True,
) -> Any:
    """Resample a raster at the positions of a pixel map.

    Parameters
    ----------
    source : (rows, cols) or (bands, rows, cols) float32, float64, complex64, complex128, bool or integer
        NaN marks no data in float and complex rasters, and so does an infinity except for ``"nearest"``, which copies
        it. bool and integers support ``resampling="nearest"`` only.
    pixel_map : PixelMap
        From `m3leo_sar.warp.pixel_map.pixel_map` or `m3leo_sar.warp.geolocate.geolocation_map`; all bands share it.
    resampling : {"bilinear", "nearest", "cubic", "cubic_spline", "lanczos"}
        bilinear: mean of the four surrounding pixels, weighted by proximity. cubic (Keys, a = -1/2), lanczos (6 x 6)
        and cubic_spline, which smooths, use more pixels. Pixels without data are ignored and the other weights
        renormalised; less than half of the absolute weight gives NaN, so that no-data areas neither grow nor shrink by
        more than half a pixel. nearest: a copy of the nearest pixel, halves rounded up.
    nodata : int, optional
        No-data value, required for bool and integers, where it fills the pixels outside the source; refused otherwise.
    antialias : bool
        Stretch the kernel to the step of the tile where that is over 1.05 source pixels, so that no pixel is skipped;
        nearest is never stretched.

    Returns
    -------
    (tile rows, tile cols) or (bands, tile rows, tile cols), dtype and library of ``source``
        Beyond half a pixel outside the outermost centres there is no data; within it, the value at the edge.

    Raises
    ------
    TypeError
        If the dtype is none of the above, or is bool or integer with bilinear.
    ValueError
        If the shape does not match the map, the resampling is unknown, ``nodata`` is missing, given but not applicable,
        or does not fit the dtype, or a stretched kernel needs more than 40 pixels along an axis.

    Notes
    -----
    Complex values are interpolated as complex numbers. Never pass wrapped phase as real numbers: the mean of +3.1 and
    -3.1 is not near pi. Pass ``numpy.exp(1j * phase)`` or the interferogram, and take the angle afterwards.

    A source on the GPU is sampled there; a map in host memory is copied to the GPU.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar.warp.pixel_map import PixelMap
    >>> positions = PixelMap(np.array([[0.0, 0.5]]), np.array([[1.0, 0.25]]))
    >>> sample(np.array([[1.0, 2.0], [3.0, 4.0]]), positions)
    array([[2.  , 2.25]])
    """
    if resampling not in RESAMPLINGS:
        raise ValueError(f"resampling must be one of {', '.join(RESAMPLINGS)}, got {resampling!r}")
    bands, dtype = check_fits(source, pixel_map), str(source.dtype)
    if dtype in LABEL_DTYPES and resampling != "nearest":
        raise TypeError(
            f"source of {dtype} can be resampled with 'nearest' or 'mode' only, got {resampling!r}: its no data "
            "would be mixed in; turn it into float with NaN for no data"
        )
    check_nodata(dtype, nodata)
    backend = backend_for(source, pixel_map)
    margin = margin_of(pixel_map, resampling, antialias=antialias) + 2
    bands, pixel_map = joined_ends(bands, pixel_map, margin=margin, nodata=nodata)
    places = pixel_map.places
    if resampling == "nearest":
        fill: Any = math.nan if nodata is None else nodata
        taken = backend.warp_nearest(bands, places, fill)
    else:
        scale = _stretch(pixel_map, resampling) if antialias else (1.0, 1.0)
        if resampling == "bilinear" and scale == (1.0, 1.0):
            taken = backend.warp_bilinear(bands, places)
        else:
            taken = backend.warp_kernel(bands, places, KERNELS[resampling][0], scale)
    return taken if source.ndim == 3 else taken[0]


def margin_of(pixel_map: PixelMap, resampling: str, *, antialias: bool = True) -> int:
    """Number of pixels around :meth:`PixelMap.window` that a resampling needs.

    Raises
    ------
    ValueError
        If the resampling is unknown, or needs more than 40 pixels along an axis.

    Examples
    --------
    >>> import numpy as np
    >>> margin_of(PixelMap(np.zeros((1, 1)), np.zeros((1, 1))), "cubic")
    1
    """
    if resampling not in RESAMPLINGS:
        raise ValueError(f"resampling must be one of {', '.join(RESAMPLINGS)}, got {resampling!r}")
    if resampling == "nearest":
        return 0
    scale = _stretch(pixel_map, resampling) if antialias else (1.0, 1.0)
    return math.ceil(KERNELS[resampling][1] * max(scale)) - 1


def _stretch(pixel_map: PixelMap, resampling: str) -> tuple[float, float]:
    """Stretch factors of a kernel along source rows and columns."""
    if pixel_map.scale is None:
        return (1.0, 1.0)
    rows, cols = (step if step > DOWNSAMPLING else 1.0 for step in pixel_map.scale)
    widest = 2 * KERNELS[resampling][1] * max(rows, cols) + 1
    if widest > TAPS:
        raise ValueError(
            f"resampling {resampling!r} must take at most {TAPS} pixels per axis, a step of {max(rows, cols):.1f} "
            f"source pixels takes {widest:.0f}; multilook the source first"
        )
    return rows, cols


def backend_for(source: Any, pixel_map: PixelMap) -> Any:
    """Backend of a source and its map: a map in host memory serves any device, a map on a device only that device.

    Raises
    ------
    TypeError
        If the map is on another device than the source.
    """
    places = pixel_map.places
    return backend_of(source, *(() if isinstance(places.rows, np.ndarray) else (places.rows, places.cols)))


def check_fits(source: Any, pixel_map: PixelMap) -> Any:
    """Source as (bands, rows, cols); refuse an invalid dtype or shape.

    Raises
    ------
    TypeError
        If the dtype is not supported.
    ValueError
        If it does not have two or three axes, is empty or does not have the source size of the map.
    """
    dtype = str(getattr(source, "dtype", type(source).__name__))
    if dtype not in NAN_DTYPES + LABEL_DTYPES:
        raise TypeError(f"source must be an array of {', '.join(NAN_DTYPES)}, bool or integers, got {dtype}")
    if source.ndim not in (2, 3):
        raise ValueError(f"source must be (rows, cols) or (bands, rows, cols), got shape {tuple(source.shape)}")
    if 0 in source.shape:
        raise ValueError(f"source must not be empty, got shape {tuple(source.shape)}")
    if pixel_map.source_shape is not None and tuple(source.shape[-2:]) != pixel_map.source_shape:
        raise ValueError(
            f"source must have the {pixel_map.source_shape} rows and columns of its geometry, "
            f"got {tuple(source.shape[-2:])}"
        )
    return source if source.ndim == 3 else source[None]


def check_nodata(dtype: str, nodata: int | None) -> None:
    """Refuse a no-data value that is missing, not needed or does not fit the dtype.

    Raises
    ------
    ValueError
        If it is.
    """
    if dtype in NAN_DTYPES:
        if nodata is not None:
            raise ValueError(f"nodata must be left out for {dtype}, where NaN marks no data, got {nodata!r}")
        return
    if nodata is None:
        raise ValueError(f"nodata must be given for {dtype}, which has no NaN to mark pixels off the source")
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if int(nodata) != nodata or not low <= nodata <= high:
        raise ValueError(f"nodata must be a whole number from {low} to {high} for {dtype}, got {nodata!r}")
