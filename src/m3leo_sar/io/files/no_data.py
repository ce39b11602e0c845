"""No-data pixels of a raster: by no-data value, mask band, alpha band, or gaps between the sources of a VRT."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window as RasterWindow

from m3leo_sar.io.files.vrt import SourcePart, is_vrt, read_vrt

#: Most levels of VRTs inside VRTs.
_DEEPEST = 8


def is_no_data(array: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    """Samples that equal a no-data value; of complex ones, the real part does and the imaginary one does or is 0."""
    if nodata is None:
        return np.zeros(array.shape, bool)
    if np.isnan(nodata):
        return np.isnan(array)
    if array.dtype.kind != "c":
        return array == nodata
    return (array.real == nodata) & ((array.imag == 0) | (array.imag == nodata))


def as_valid(array: NDArray[Any], nodata: float | None) -> NDArray[Any]:
    """Replace a no-data value by NaN; integers have no NaN and are unchanged."""
    if nodata is None or array.dtype.kind not in "fc" or np.isnan(nodata):
        return array
    return np.where(is_no_data(array, nodata), np.array(_nan_of(array.dtype), array.dtype), array)


def hide(array: NDArray[Any], empty: NDArray[np.bool_] | None) -> None:
    """Set pixels to NaN in place; integers have no NaN and are unchanged."""
    if empty is not None and array.dtype.kind in "fc":
        array[empty] = _nan_of(array.dtype)


def masked_pixels(
    source: Any, path: str | os.PathLike[str], band: int, window: RasterWindow
) -> NDArray[np.bool_] | None:
    """Pixels of a window that an open raster declares as no data, in addition to its no-data value.

    Parameters
    ----------
    source : rasterio.DatasetReader
    path : path
        Path of the raster.
    band : int
        From 1.
    window : rasterio.windows.Window
        Whole pixels inside the raster.

    Returns
    -------
    (rows, cols) bool, or None if it declares none

    Notes
    -----
    A mask or alpha band counts. A VRT passes on the raw values of its sources, so their own no-data values and masks
    count. In a mosaic without a no-data value, pixels without a valid source are no data. In a function of several
    sources (``polar``, ``complex``), pixels with an invalid source are no data: the VRT's own no-data value is searched
    in the sources, as the function has changed it.
    """
    return _masked(source, os.fspath(path), band, window, 0)


def _masked(source: Any, path: str, band: int, window: RasterWindow, depth: int) -> NDArray[np.bool_] | None:
    flags = source.mask_flag_enums[band - 1]
    if MaskFlags.nodata not in flags and (MaskFlags.per_dataset in flags or MaskFlags.alpha in flags):
        return source.read_masks(band, window=window) == 0  # type: ignore[no-any-return]
    if source.driver != "VRT" or depth > _DEEPEST or not is_vrt(path):
        return None
    bands = read_vrt(path).bands
    named = source.nodatavals[band - 1]
    if band > len(bands) or not bands[band - 1].sources or not (bands[band - 1].is_derived or named is None):
        return None
    found = [_valid_of(part, source, window, named, depth) for part in bands[band - 1].sources]
    return ~(np.logical_and if bands[band - 1].is_derived else np.logical_or).reduce(found)


def _valid_of(
    part: SourcePart, target: Any, window: RasterWindow, nodata: float | None, depth: int
) -> NDArray[np.bool_]:
    """Pixels of a window of a VRT with a valid sample in one source."""
    valid = np.zeros((int(window.height), int(window.width)), bool)
    if part.band is None or not os.path.isfile(part.path):
        # A mask, or a file inside an archive or on a server: GDAL reports it if it cannot be read.
        return ~valid
    with rasterio.open(part.path) as source:
        rows = _positions(part, "row", "rows", window.row_off, window.height, source.height, target.height)
        cols = _positions(part, "col", "cols", window.col_off, window.width, source.width, target.width)
        inside = np.ix_(rows >= 0, cols >= 0)
        rows, cols = rows[rows >= 0], cols[cols >= 0]
        if rows.size and cols.size:
            valid[inside] = _valid_samples(source, part, rows, cols, nodata, depth)
    return valid


def _positions(part: SourcePart, first: str, count: str, start: float, size: float, own: int, whole: int) -> Any:
    """Row or column of a source below each row or column of a window of the VRT, -1 outside the source."""
    low, length = (getattr(part.inside, first), getattr(part.inside, count)) if part.inside else (0.0, own)
    place, reach = (getattr(part.target, first), getattr(part.target, count)) if part.target else (0.0, whole)
    centre = np.arange(int(start), int(start + size)) + 0.5
    found = np.floor(low + (centre - place) * (length / reach)).astype(int)
    return np.where((centre > place) & (centre < place + reach) & (found >= 0) & (found < own), found, -1)


def _valid_samples(
    source: Any, part: SourcePart, rows: Any, cols: Any, nodata: float | None, depth: int
) -> NDArray[np.bool_]:
    """Whether the samples of a source at some rows and columns are valid."""
    assert part.band is not None
    window = RasterWindow(cols[0], rows[0], cols[-1] - cols[0] + 1, rows[-1] - rows[0] + 1)
    empty = np.zeros((int(window.height), int(window.width)), bool)
    values = {source.nodatavals[part.band - 1], part.nodata, nodata} - {None}
    if values:
        array = source.read(part.band, window=window)
        for value in values:
            empty |= is_no_data(array, value)
    mask = _masked(source, part.path, part.band, window, depth + 1)
    if mask is not None:
        empty |= mask
    return ~empty[np.ix_(rows - rows[0], cols - cols[0])]


def _nan_of(dtype: np.dtype[Any]) -> complex | float:
    return complex(np.nan, np.nan) if dtype.kind == "c" else float("nan")
