"""Masks applied to rasters before resampling."""

from __future__ import annotations

from typing import Any


def masked(raster: Any, mask: Any, nodata: int | None, *, names: tuple[str, str]) -> Any:
    """Raster with NaN, or ``nodata`` for bool and integers, wherever a mask is False; the raster itself without one.

    Parameters
    ----------
    raster : (rows, cols) or (bands, rows, cols) array
        It is not modified.
    mask : (rows, cols) or (bands, rows, cols) bool, or None
        True where there are data.
    nodata : int, optional
        No-data value of bool and integers.
    names : (str, str)
        Names of the two in error messages.

    Raises
    ------
    TypeError
        If the mask is not bool.
    ValueError
        If its shape is neither the raster's nor that of one band, or ``nodata`` is missing.
    """
    if mask is None:
        return raster
    if str(getattr(mask, "dtype", type(mask).__name__)) != "bool":
        raise TypeError(f"{names[1]} must be an array of bool, got {getattr(mask, 'dtype', type(mask).__name__)}")
    shape = tuple(getattr(raster, "shape", ()))
    if tuple(mask.shape) not in (shape, shape[-2:]):
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, {shape}, or of a band, got {tuple(mask.shape)}"
        )
    value = float("nan") if raster.dtype.kind in "fc" else nodata
    if value is None:
        raise ValueError(f"nodata must be given for {names[0]} of {raster.dtype} with a mask, which has no NaN")
    out = raster.copy()
    out[(..., ~mask) if mask.ndim < out.ndim else ~mask] = value
    return out
