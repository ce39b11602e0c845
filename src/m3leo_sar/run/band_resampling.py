"""Bands of a raster onto the grid of a tile, by the rules of their quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.quantity import COPIES, kind_of, require_allowed
from m3leo_sar.run.own_rule import is_own_rule, resample_by_rule
from m3leo_sar.warp.area import AREA_RESAMPLINGS
from m3leo_sar.warp.reproject import reproject

#: Radians by which a wrapped phase may exceed pi: the rounding of float32 and of a writer.
_ROUNDING = 1e-3


class Resampled(NamedTuple):
    """Bands on the grid of a tile."""

    #: (bands, rows, cols).
    array: NDArray[Any]
    #: No-data value of integers, None for floats and complex numbers.
    nodata: int | None


def resample_bands(
    array: NDArray[Any],
    bands: Sequence[Band],
    source_geobox: GeoBox,
    tile: GeoBox,
    *,
    resampling: str,
    nodata: int | None = None,
    name: str = "",
) -> Resampled:
    """Resample bands by the table :data:`m3leo_sar.io.components.quantity.KINDS`.

    Parameters
    ----------
    array : (bands, rows, cols)
        No data is NaN, or ``nodata`` for integers.
    bands : sequence of Band
        One per plane; unit, quantity and name decide.
    source_geobox, tile : GeoBox
        Grid of the array and of the result.
    resampling : str
        A word of :func:`m3leo_sar.reproject`, or a rule of your own (:mod:`m3leo_sar.run.own_rule`). Codes take
        ``"nearest"`` in place of a kernel and ``"mode"`` in place of a rule over the ground. Wrapped phases and
        directions are resampled as phasors of size one and come back as angles. Decibels are resampled as power; where
        the negative lobes of a kernel leave no power above zero, the bilinear value stands. Integers that are
        quantities become float first.
    nodata : int, optional
        No-data value of integers.
    name : str
        Name of the source in messages.

    Raises
    ------
    ValueError
        If the quantity of a band does not allow the resampling, a wrapped phase has values beyond pi, or codes have
        no no-data value.
    TypeError
        If the dtype does not suit the resampling.
    """
    if is_own_rule(resampling):
        taken = resample_by_rule(array, bands, source_geobox, tile, resampling=resampling)
        return Resampled(taken, nodata if taken.dtype.kind in "iub" else None)
    kinds = [kind_of(band, source=name) for band in bands]
    if array.dtype.kind in "iub":
        if "code" in kinds or resampling in COPIES:
            return _codes(array, source_geobox, tile, resampling, nodata, name)
        array = _as_float(array, nodata)
    if array.dtype.kind == "c":
        return Resampled(reproject(array, source_geobox, tile, resampling=resampling), None)
    grids = source_geobox, tile
    for band, kind in zip(bands, kinds, strict=True):
        if kind != "code":
            require_allowed(kind, resampling, f"{band.name} of {name}" if name else band.name)
    planes = [
        _plane(plane, kind, band, grids, resampling) for plane, kind, band in zip(array, kinds, bands, strict=True)
    ]
    return Resampled(np.stack(planes), None)


def _codes(
    array: NDArray[Any], source: GeoBox, tile: GeoBox, resampling: str, nodata: int | None, name: str
) -> Resampled:
    if nodata is None:
        raise ValueError(
            f"{name} specifies no no-data value, which integer tiles need outside the source; state nodata="
        )
    if resampling not in COPIES:
        resampling = "mode" if resampling in AREA_RESAMPLINGS else "nearest"
    return Resampled(reproject(array, source, tile, resampling=resampling, nodata=nodata), nodata)


def _as_float(array: NDArray[Any], nodata: int | None) -> NDArray[Any]:
    # Sixteen bits fit float32 exactly.
    values = array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    return values if nodata is None else np.where(array == nodata, values.dtype.type(np.nan), values)


def _plane(plane: NDArray[Any], kind: str, band: Band, grids: tuple[GeoBox, GeoBox], resampling: str) -> NDArray[Any]:
    if kind == "code":
        # A code that is kept as a number must not be blended with its neighbours.
        return np.asarray(reproject(plane, *grids, resampling="nearest"))
    if resampling in ("nearest", "min", "max") or kind in ("number", "amount"):
        return np.asarray(reproject(plane, *grids, resampling=resampling))
    if kind == "decibel":
        return _decibels(plane, grids, resampling)
    return _angles(plane, kind, band, grids, resampling)


def _decibels(plane: NDArray[Any], grids: tuple[GeoBox, GeoBox], resampling: str) -> NDArray[Any]:
    power = 10 ** (plane.astype(np.float64) / 10)
    found = np.asarray(reproject(power, *grids, resampling=resampling))
    if (found <= 0).any():
        found = np.where(found <= 0, reproject(power, *grids, resampling="bilinear"), found)
    with np.errstate(divide="ignore"):
        return (10 * np.log10(found)).astype(plane.dtype)


def _angles(plane: NDArray[Any], kind: str, band: Band, grids: tuple[GeoBox, GeoBox], resampling: str) -> NDArray[Any]:
    degrees = kind == "direction"
    if not degrees and np.nanmax(np.abs(plane), initial=0.0) > np.pi + _ROUNDING:
        raise ValueError(
            f"{band.name} is a wrapped phase by its name and unit, but contains {np.nanmax(np.abs(plane)):.4g} "
            "rad; state quantity=number for unwrapped phase"
        )
    angle = np.radians(plane.astype(np.float64)) if degrees else plane
    phasor = np.asarray(reproject(np.exp(1j * angle), *grids, resampling=resampling))
    found = np.angle(phasor)
    found = np.where(np.isnan(phasor.real), np.nan, np.degrees(found) % 360 if degrees else found)
    return found.astype(plane.dtype)
