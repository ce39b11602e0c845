"""Coherence as uint8, a quarter of the bytes of float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Steps between coherence 0 and 1, and the level of no data.
LEVELS, NO_DATA = 254, 255
#: Value of a step.
SCALE = 1 / LEVELS
#: Largest rounding error of a coherence.
LARGEST_ERROR = 0.5 / LEVELS


def to_uint8(coherence: NDArray[Any]) -> NDArray[np.uint8]:
    """Store a coherence as the nearest of 255 levels.

    Parameters
    ----------
    coherence : (..., rows, cols) float32 or float64
        In [0, 1], or beyond it by less than half a step, 1/508, as rounding may lead; NaN is no data.

    Returns
    -------
    (..., rows, cols) uint8
        0 to 254 for 0 to 1; 255 is no data. The error is at most 1/508.

    Raises
    ------
    TypeError
        If the dtype is not floating point.
    ValueError
        If a value lies further outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> to_uint8(np.array([[0.0, 0.5, 1.0, np.nan]])).tolist()
    [[0, 127, 254, 255]]
    """
    if coherence.dtype.kind != "f":
        raise TypeError(f"coherence must be float32 or float64, got {coherence.dtype}")
    known = ~np.isnan(coherence)
    low, high = (float(edge(coherence, where=known, initial=0.5)) for edge in (np.min, np.max))
    if low < -LARGEST_ERROR or high > 1 + LARGEST_ERROR:
        raise ValueError(f"coherence must lie in [0, 1] to be stored as uint8, got {low:.6g} to {high:.6g}")
    return levels_of(coherence)


def levels_of(coherence: NDArray[Any]) -> NDArray[np.uint8]:
    """Nearest level of each value as :func:`to_uint8` gives it; values outside [0, 1] get that of 0 or 1."""
    # In float32, as the kernel of m3leo_sar.chips.quantise computes it.
    steps = np.rint(coherence.astype(np.float32) * np.float32(LEVELS))
    clipped = np.clip(steps, 0, LEVELS)
    return np.where(np.isnan(clipped), np.float32(NO_DATA), clipped).astype(np.uint8)


def from_uint8(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Coherence of levels as float32, NaN for no data.

    Raises
    ------
    TypeError
        If the dtype is not uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from_uint8(np.array([0, 127, 254, 255], "uint8")).tolist()
    [0.0, 0.5, 1.0, nan]
    """
    if stored.dtype != np.uint8:
        raise TypeError(f"stored must be uint8, got {stored.dtype}")
    values = stored.astype(np.float32)
    values /= np.float32(LEVELS)
    values[stored == NO_DATA] = np.nan
    return values
