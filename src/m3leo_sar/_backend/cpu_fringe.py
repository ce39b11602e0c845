"""Coherence along the local fringe of NumPy images."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import fringe as kernel


def fringe_coherence(
    reference: np.ndarray,
    secondary: np.ndarray,
    rows: int,
    cols: int,
    frequencies: tuple[np.ndarray, np.ndarray] | None,
    min_valid: float,
    centred: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coherence and the frequencies along rows and columns, each (rows, cols), given or estimated."""
    images = [as_parts(np.ascontiguousarray(image)) for image in (reference, secondary)]
    given = frequencies is not None
    # The kernel's signature has writable frequencies, so given ones are copied.
    found = [np.array(axis, order="C") for axis in frequencies] if frequencies else _two(images[0])
    out = np.empty(images[0].shape[:2], images[0].dtype)
    kernel.fringe_coherence(*images, rows, cols, given, min_valid, centred, *found, out)
    return out, found[0], found[1]


def _two(image: np.ndarray) -> list[np.ndarray]:
    return [np.empty(image.shape[:2], image.dtype) for _ in range(2)]
