"""Complex NumPy images at fractional positions."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.places import Places
from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import resample as kernel


def resample_image(image: np.ndarray, table: np.ndarray, places: Places, phase: np.ndarray | None) -> np.ndarray:
    """Complex image (rows, cols) interpolated at each position by a table of weights, rotated by a phase (radians)."""
    image = np.ascontiguousarray(image)
    out = empty(places.shape, image.dtype)
    radians = None if phase is None else np.ascontiguousarray(phase)
    kernel.resample(as_parts(image), table, radians, *places.flat(), as_parts(out))
    return out


def turn_image(image: np.ndarray, phase: np.ndarray, sign: float) -> np.ndarray:
    """Complex image multiplied by exp(j sign phase)."""
    image = np.ascontiguousarray(image)
    out = empty(image.shape, image.dtype)
    kernel.turn(as_parts(image), np.ascontiguousarray(phase), sign, as_parts(out))
    return out
