"""SLCs as complex int16, half the memory of complex64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar import _check

#: No-data value of a part.
NO_DATA = np.int16(_check.INT16_NO_DATA)
#: Largest valid part.
LARGEST = 32767


def to_complex_int16(slc: NDArray[Any], *, scale: float) -> NDArray[np.int16]:
    """Store an SLC as two int16 per sample.

    Parameters
    ----------
    slc : (..., rows, cols) complex64 or complex128
        Values that are not finite become no data.
    scale : float
        Unit of a part, above 0: a part is stored as the nearest whole number of these. A thousandth of the mean
        amplitude leaves room for targets 30 dB above it and adds noise 68 dB below it.

    Returns
    -------
    (..., rows, cols, 2) int16
        Real and imaginary part; -32768 in both is no data. :func:`m3leo_sar.coherence` takes it directly.

    Raises
    ------
    TypeError
        If the dtype is another.
    ValueError
        If ``scale`` is not above 0, or a part does not fit; nothing is clipped.

    Examples
    --------
    >>> to_complex_int16(np.array([[1 + 2j, np.nan]]), scale=0.5).tolist()
    [[[2, 4], [-32768, -32768]]]
    """
    slc = _check.filled(slc, "slc")
    if slc.dtype.kind != "c":
        raise TypeError(f"slc must be complex64 or complex128, got {slc.dtype}")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a finite number above 0, got {scale}")
    valid = np.isfinite(slc)
    parts = np.stack([slc.real, slc.imag], axis=-1)
    parts = np.rint(np.where(valid[..., None], parts, 0) / scale)
    largest = float(abs(parts).max(initial=0))
    if largest > LARGEST:
        raise ValueError(
            f"scale must be at least {scale * largest / LARGEST:.3g} for parts up to {scale * largest:.3g}, got {scale}"
        )
    return np.where(valid[..., None], parts, NO_DATA).astype(np.int16)


def from_complex_int16(stored: NDArray[np.int16], *, scale: float) -> NDArray[np.complex64]:
    """Convert the result of :func:`to_complex_int16` back to complex, NaN for no data.

    Raises
    ------
    TypeError
        If the dtype is not int16.
    ValueError
        If the last axis is not of length 2.

    Examples
    --------
    >>> from_complex_int16(np.array([[[2, 4], [-32768, -32768]]], "int16"), scale=0.5).tolist()
    [[(1+2j), (nan+nanj)]]
    """
    stored = _check.filled(stored, "stored", slc=True)
    if stored.dtype != np.int16:
        raise TypeError(f"stored must be int16, got {stored.dtype}")
    if stored.ndim < 1 or stored.shape[-1] != 2:
        raise ValueError(f"stored must have the two parts on its last axis, got shape {stored.shape}")
    parts = np.where((stored == NO_DATA).any(-1, keepdims=True), np.nan, stored * scale).astype(np.float32)
    return parts.view(np.complex64)[..., 0]
