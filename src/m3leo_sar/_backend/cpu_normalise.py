"""Normalising NumPy chips."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import normalise as kernel


def normalise(
    chip: np.ndarray, encodings: np.ndarray, channels: np.ndarray, scalings: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values (float32) and mask (bool), (count, rows, cols), of a chip (bands, rows, cols).

    ``encodings`` and ``channels`` (int32) hold each band's encoding and first channel, ``scalings`` (bands, 4) low,
    high, centre and scale.
    """
    values = np.empty((count, *chip.shape[1:]), np.float32)
    mask = np.empty(values.shape, np.uint8)
    kernel.normalise(as_parts(np.ascontiguousarray(chip)), encodings, channels, scalings, values, mask)
    return values, mask.view(bool)
