"""Counts and moments of NumPy channels."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.histogram_table import BINS, MOMENTS
from m3leo_sar._ext import histogram as kernel


def histogram(values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (channels, 4096) int64 over [0, 1] and moments (channels, parts, 7) float64 of (channels, rows, cols).

    The moments are the number of valid values, their sum and sum of squares, the smallest, the largest, and the numbers
    below 0 and above 1; the parts are to be combined.
    """
    counts = np.empty((len(values), BINS), np.int64)
    moments = np.empty((len(values), MOMENTS))
    kernel.histogram(np.ascontiguousarray(values), np.ascontiguousarray(mask).view(np.uint8), counts, moments)
    return counts, moments[:, None]
