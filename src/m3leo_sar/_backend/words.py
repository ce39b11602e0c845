"""Pixels as memory words, so that one kernel source serves every dtype of a size."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_words(array: Any) -> Any:
    """View (bands, rows, cols) as unsigned words, (bands, rows, cols, words); complex128 takes two."""
    size = array.dtype.itemsize
    words = array.view(np.dtype(f"u{min(size, 8)}"))
    return words.reshape(*array.shape, max(size // 8, 1))


def as_parts(array: Any) -> Any:
    """View (..., rows, cols) as real numbers, (..., rows, cols, parts); complex takes two."""
    if array.dtype.kind != "c":
        return array[..., None]
    return array.view(np.dtype(f"f{array.dtype.itemsize // 2}")).reshape(*array.shape, 2)


def fill_words(fill: Any, dtype: np.dtype) -> np.unsignedinteger:
    """The content of every word of a value ``fill`` of ``dtype``; both parts of a complex are ``fill``."""
    value = np.array(complex(fill, fill) if dtype.kind == "c" else fill, dtype)
    return as_words(value.reshape(1, 1, 1)).flat[0]
