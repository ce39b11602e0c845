"""Multilooking of NumPy images."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import multilook as kernel


def multilook(images: np.ndarray, rows: int, cols: int, min_valid: float) -> np.ndarray:
    """Mean of the valid samples over ``rows`` by ``cols`` looks of (images, rows, cols)."""
    images = np.ascontiguousarray(images)
    out = empty((len(images), images.shape[1] // rows, images.shape[2] // cols), images.dtype)
    for image, plane in zip(images, out, strict=True):
        kernel.multilook(as_parts(image), rows, cols, min_valid, as_parts(plane))
    return out
