"""Parameters of a normalisation kernel, the same for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

#: Codes of ext/chips/normalise.h's enum PixelType; "complex_int16" is int16 with the parts on a last axis of 2.
PIXEL_TYPES = {
    "float32": 0,
    "float64": 1,
    "uint8": 2,
    "uint16": 3,
    "int16": 4,
    "complex64": 5,
    "complex128": 6,
    "complex_int16": 7,
}


def pixel_type(plane: Any) -> str:
    """Word of ``PIXEL_TYPES`` for a plane (rows, cols) or (rows, cols, 2)."""
    return "complex_int16" if plane.ndim == 3 else dtype_name(plane.dtype)


@lru_cache(maxsize=64)
def dtype_name(dtype: Any) -> str:
    """Cached name of a dtype; NumPy needs longer to format it than a small kernel runs."""
    return str(dtype)


@dataclass(frozen=True, kw_only=True)
class NormaliseRequest:
    """Tables of the structs of ext/chips/normalise.h, one row per band, and the size of the result."""

    #: (bands, 4) int32: encoding, first channel, first plane, second plane or -1.
    places: np.ndarray
    #: (bands, 11) float64: low, high, centre, scale; gain, offset, nodata; inverse looks; plane to subtract.
    recipes: np.ndarray
    #: Channels, rows and columns of the result.
    shape: tuple[int, int, int]

    def in_double(self, planes: Sequence[Any]) -> np.ndarray:
        """Which bands read a plane in double precision."""
        double = np.array([dtype_name(plane.dtype) in ("float64", "complex128") for plane in planes])
        second = self.places[:, 3]
        return double[self.places[:, 2]] | np.where(second >= 0, double[np.maximum(second, 0)], False)
