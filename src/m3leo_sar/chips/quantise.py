"""Values in [0, 1] as levels that fit in a byte."""

from __future__ import annotations

from typing import Any

from m3leo_sar._backend.choose import backend_of


def quantise(values: Any, *, levels: int, no_data: int) -> Any:
    """Nearest of ``levels`` + 1 levels between 0 and 1 of each value.

    Parameters
    ----------
    values : array of float32 or float64, NumPy or CuPy
        Values outside [0, 1] get the level of 0 or 1; NaN is no data.
    levels : int
        Level of 1, from 1 to 255.
    no_data : int
        Level of no data, from 0 to 255.

    Returns
    -------
    array of uint8, shape and library of ``values``
        Halves are rounded to the even level, in float32.

    Raises
    ------
    TypeError
        If the dtype is neither.
    ValueError
        If a level does not fit in a byte.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar.chips.quantise import quantise
    >>> quantise(np.array([0.0, 0.5, 1.0, np.nan], "float32"), levels=254, no_data=255).tolist()
    [0, 127, 254, 255]
    """
    if str(values.dtype) not in ("float32", "float64"):
        raise TypeError(f"values must be float32 or float64, got {values.dtype}")
    for name, level, least in (("levels", levels, 1), ("no_data", no_data, 0)):
        if not least <= level <= 255:
            raise ValueError(f"{name} must be from {least} to 255, got {level}")
    return backend_of(values).quantise(values, levels, no_data)
