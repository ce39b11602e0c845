"""Tabulated weights of the kernels that interpolate complex images."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

#: Kernels and their taps.
TAPS = {"sinc": 8, "sinc12": 12, "knab": 8, "cubic": 4}
#: Steps per pixel at which weights are tabulated (ext/warp/resample.h).
_STEPS = 1024
#: Shape of the Kaiser windows, and the band whose power they preserve as a share of the sampled one. The wide kernel is
#: for the range band of Sentinel-1's IW1, 0.878 of the sampling.
_KAISER = {"sinc": (2.75, 0.8), "sinc12": (3.0, 0.88)}
#: Bandwidth of Knab's window, for signals that fill four fifths of the sampled band.
_KNAB = 0.2


@lru_cache(maxsize=8)
def kernel_table(resampling: str) -> np.ndarray:
    """Weights of a kernel, (1025, taps): line k for a position k / 1024 after the preceding sample.

    Examples
    --------
    >>> kernel_table("cubic")[512].tolist()
    [-0.0625, 0.5625, 0.5625, -0.0625]
    """
    taps = TAPS[resampling]
    half = taps // 2
    x = np.arange(_STEPS + 1)[:, None] / _STEPS - np.arange(1 - half, half + 1)
    within = np.sqrt(np.maximum(1 - (x / half) ** 2, 0.0))
    shape, band = _KAISER.get(resampling, (0.0, 0.8))
    if resampling in _KAISER:
        weights = np.sinc(x) * np.i0(shape * within) / np.i0(shape)
    elif resampling == "knab":
        reach = np.pi * _KNAB * half
        weights = np.sinc(x) * np.cosh(reach * within) / np.cosh(reach)
    else:
        near = np.abs(x)
        inner, outer = (1.5 * near - 2.5) * near**2 + 1, ((2.5 - 0.5 * near) * near - 4) * near + 2
        weights = np.where(near <= 1, inner, outer)
    if resampling == "cubic":
        weights = weights / weights.sum(axis=1, keepdims=True)
    else:
        # Power of a signal with a flat spectrum for each line: the sum over taps k and l of w_k w_l sinc(band (k - l)).
        index = np.arange(taps)
        power = np.einsum("lj,jk,lk->l", weights, np.sinc(band * (index[:, None] - index)), weights)
        weights = weights / np.sqrt(power)[:, None]
    # On a sample the other weights are exactly zero, not a rounding error.
    weights[0], weights[-1] = np.eye(taps)[half - 1], np.eye(taps)[half]
    weights.flags.writeable = False
    return weights
