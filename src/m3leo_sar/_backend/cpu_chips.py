"""Normalisation, histograms and levels of NumPy chips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._backend.kernel_sizes import BINS, MOMENTS
from m3leo_sar._backend.normalise_request import PIXEL_TYPES, NormaliseRequest, pixel_type
from m3leo_sar._backend.result_memory import empty
from m3leo_sar._ext import histogram as histogram_kernel
from m3leo_sar._ext import normalise as normalise_kernel
from m3leo_sar._ext import quantise as quantise_kernel


def histogram(values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (channels, 4096) int64 over [0, 1] and moments (channels, parts, 7) float64 of (channels, rows, cols).

    The moments are the number of valid values, their sum and sum of squares, the smallest, the largest, and the numbers
    below 0 and above 1; the parts are to be combined.
    """
    counts = np.empty((len(values), BINS), np.int64)
    moments = np.empty((len(values), MOMENTS))
    histogram_kernel.histogram(np.ascontiguousarray(values), np.ascontiguousarray(mask).view(np.uint8), counts, moments)
    return counts, moments[:, None]


def normalise(
    planes: Sequence[np.ndarray], request: NormaliseRequest, out: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Values (float32) and mask (bool), (channels, rows, cols), of planes (rows, cols)."""
    held = [np.ascontiguousarray(plane) for plane in planes]
    values, mask = out or (empty(request.shape, np.dtype(kind)) for kind in (np.float32, np.bool_))
    addresses = np.array([plane.ctypes.data for plane in held], np.int64)
    types = np.array([PIXEL_TYPES[pixel_type(plane)] for plane in held], np.int32)
    normalise_kernel.normalise(addresses, types, request.places, request.recipes, values, mask.view(np.uint8))
    return values, mask


def quantise(values: np.ndarray, levels: int, no_data: int) -> np.ndarray:
    """Levels (uint8) of values in [0, 1], ``no_data`` for NaN."""
    out = empty(values.shape, np.dtype(np.uint8))
    if values.size:
        quantise_kernel.quantise(np.ascontiguousarray(values).reshape(-1), levels, no_data, out.reshape(-1))
    return out
