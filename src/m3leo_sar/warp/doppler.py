"""Doppler centroid of an SLC, from its pixels."""

from __future__ import annotations

import math
from typing import Any

from m3leo_sar import _check
from m3leo_sar._backend.choose import module_of
from m3leo_sar.doors.door import door


@door(arrays={"slc": "rc"}, eager=True)
def doppler_centroid(slc: Any) -> float:
    """Middle of the azimuth spectrum, from the mean turn of the phase from row to row.

    Parameters
    ----------
    slc : (rows, cols) complex64 or complex128
        At least two rows; samples with a part that is not finite are left out.

    Returns
    -------
    float
        Cycles a row (frequency / pulse repetition frequency), in (-0.5, 0.5]: ``doppler`` of
        :func:`m3leo_sar.resample`.

    Raises
    ------
    TypeError
        If ``slc`` is not complex64 or complex128.
    ValueError
        If it has fewer than two rows, or no two valid samples below each other.

    References
    ----------
    Madsen, 1989, IEEE Transactions on Aerospace and Electronic Systems 25(2), 134-140.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.arange(50)[:, None]
    >>> round(doppler_centroid(np.exp(2j * np.pi * 0.13 * rows) * np.ones((50, 4))), 6)
    0.13
    """
    _check.complex_array(slc, "slc", ndim=2)
    if slc.shape[0] < 2:
        raise ValueError(f"slc must have at least two rows, got {slc.shape[0]}")
    arrays = module_of(slc)
    turn = slc[1:] * slc[:-1].conj()
    total = complex(arrays.where(arrays.isfinite(turn), turn, 0).sum(dtype="complex128"))
    if total == 0:
        raise ValueError("slc must have valid samples below each other, got none")
    return math.atan2(total.imag, total.real) / (2 * math.pi)
