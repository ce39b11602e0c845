"""Shared input checks: each error names the parameter, the given value and the expected one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np

#: Part of a complex int16 sample that is no data.
INT16_NO_DATA = -32768

#: Real dtype for the statistics of each complex dtype.
REAL_OF = {"complex64": "float32", "complex128": "float64"}


def complex_array(array: Any, name: str, *, ndim: int) -> None:
    """Refuse a value that is not a complex64 or complex128 array with ``ndim`` non-empty axes.

    Raises
    ------
    TypeError
        If the value is not an array or its dtype is not supported.
    ValueError
        If the number of axes differs or one is empty.
    """
    dtype, shape = getattr(array, "dtype", None), getattr(array, "shape", None)
    if dtype is None or shape is None:
        raise TypeError(f"{name} must be a complex array, got {type(array).__name__}")
    if str(dtype) not in REAL_OF:
        raise TypeError(f"{name} must be complex64 or complex128, got {dtype}")
    if len(shape) != ndim:
        axes = {2: "(rows, cols)", 3: "(dates, rows, cols)"}[ndim]
        raise ValueError(f"{name} must be {axes}, got {len(shape)} axes of shape {tuple(shape)}")
    if 0 in shape:
        raise ValueError(f"{name} must not be empty, got shape {tuple(shape)}")


def slc_array(array: Any, name: str, *, ndim: int) -> None:
    """Refuse a value that is not an SLC with ``ndim`` axes: complex64, complex128, or int16 with a last axis of 2.

    Raises
    ------
    TypeError
        If the value is not an array or its dtype is not supported.
    ValueError
        If the number of axes differs or one is empty.
    """
    dtype = str(getattr(array, "dtype", None))
    if dtype != "int16":
        if dtype not in ("None", *REAL_OF):
            raise TypeError(
                f"{name} must be complex64, complex128, or int16 with the two parts on a last axis, got {dtype}"
            )
        complex_array(array, name, ndim=ndim)
        return
    shape = tuple(array.shape)
    if len(shape) != ndim + 1 or shape[-1] != 2 or 0 in shape:
        axes = {2: "(rows, cols, 2)", 3: "(dates, rows, cols, 2)"}[ndim]
        raise ValueError(f"{name} of int16 must be {axes}, the parts last, and not empty, got shape {shape}")


def same(first: Any, second: Any, *, names: tuple[str, str]) -> None:
    """Refuse two arrays that differ in shape or dtype.

    Raises
    ------
    TypeError
        If the dtypes differ.
    ValueError
        If the shapes differ.
    """
    # First: complex int16 has an axis more than complex64.
    if first.dtype != second.dtype:
        raise TypeError(f"{names[1]} must have the dtype of {names[0]}, {first.dtype}, got {second.dtype}")
    if tuple(first.shape) != tuple(second.shape):
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, {tuple(first.shape)}, got {tuple(second.shape)}"
        )


def extent_within(extent: Any, name: str, shape: tuple[int, int], *, times: int) -> None:
    """Refuse a window or look count over ``times`` the image: certainly a mistake, and a waste of memory.

    Raises
    ------
    ValueError
        If either side is larger.
    """
    for axis, size in (("rows", shape[0]), ("cols", shape[1])):
        if getattr(extent, axis) > times * size:
            limit = f"{times} x " if times > 1 else ""
            raise ValueError(
                f"{name} {axis} must be at most {limit}the image's {size} {axis}, got {getattr(extent, axis)}"
            )


def image_array(array: Any, name: str) -> None:
    """Refuse a value that is not a non-empty float or complex array (..., rows, cols).

    Raises
    ------
    TypeError
        If the value is not an array or its dtype is not supported.
    ValueError
        If it has fewer than two axes or one is empty.
    """
    dtype, shape = getattr(array, "dtype", None), getattr(array, "shape", None)
    known = (*REAL_OF, *REAL_OF.values())
    if dtype is None or shape is None or str(dtype) not in known:
        raise TypeError(f"{name} must be an array of {', '.join(sorted(known))}, got {dtype or type(array).__name__}")
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"{name} must be (..., rows, cols) and not empty, got shape {tuple(shape)}")


def height_array(dem: Any, shape: tuple[int, int]) -> None:
    """Refuse heights that are not float, or not of their grid's ``shape``.

    Raises
    ------
    TypeError
        If the dtype is not float32 or float64.
    ValueError
        If the shape differs.
    """
    dtype = str(getattr(dem, "dtype", type(dem).__name__))
    if dtype not in REAL_OF.values():
        raise TypeError(f"dem must be float32 or float64 with NaN where no height is known, got {dtype}")
    if tuple(dem.shape) != shape:
        raise ValueError(f"dem must have the shape of dem_geobox, {shape}, got {tuple(dem.shape)}")


def checked(name: str, known: list[str], *, what: str) -> str:
    """Return a name if it is known.

    Raises
    ------
    ValueError
        If it is not; the message suggests the closest one.
    """
    if name in known:
        return name
    raise ValueError(f"{what} must be one of {', '.join(known)}; got {name!r}{nearest(name, known)}")


def nearest(name: str, known: list[str]) -> str:
    """Question that suggests the known name most similar to ``name``, empty if none is similar."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def filled(array: Any, name: str, *, slc: bool = False) -> Any:
    """Plain array of a masked one: NaN under the mask, or -32768 in an SLC of complex int16; others unchanged.

    Raises
    ------
    TypeError
        If a value is masked and the dtype has no no-data value.

    Examples
    --------
    >>> filled(np.ma.masked_equal([1.0, 2.0], 2.0), "array").tolist()
    [1.0, nan]
    """
    if not isinstance(array, np.ma.MaskedArray):
        return array
    if array.dtype.kind in "fc":
        return np.asarray(np.ma.filled(array, np.nan))
    if slc and array.dtype == np.int16:
        return np.asarray(np.ma.filled(array, INT16_NO_DATA))
    if not np.ma.getmaskarray(array).any():
        return np.ma.getdata(array)
    raise TypeError(
        f"{name} is a masked array of {array.dtype}, which has no NaN for masked pixels; give the plain array "
        f"{name}.filled(value), with nodata=value where the word takes it"
    )
