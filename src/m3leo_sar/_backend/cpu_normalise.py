"""Normalisation of NumPy chips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._backend.normalise_request import PIXEL_TYPES, NormaliseRequest, pixel_type
from m3leo_sar._backend.result_memory import empty
from m3leo_sar._ext import normalise as kernel


def normalise(
    planes: Sequence[np.ndarray], request: NormaliseRequest, out: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Values (float32) and mask (bool), (channels, rows, cols), of planes (rows, cols)."""
    held = [np.ascontiguousarray(plane) for plane in planes]
    values, mask = out or (empty(request.shape, np.dtype(kind)) for kind in (np.float32, np.bool_))
    addresses = np.array([plane.ctypes.data for plane in held], np.int64)
    types = np.array([PIXEL_TYPES[pixel_type(plane)] for plane in held], np.int32)
    kernel.normalise(addresses, types, request.places, request.recipes, values, mask.view(np.uint8))
    return values, mask
