"""Coherence of NumPy stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._ext import coherence as kernel


def coherence_pairs(
    slcs: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]], rows: int, cols: int, *, clip: bool = True
) -> np.ndarray:
    """Coherence (pairs, rows, cols) of images of one shape and complex dtype in a window of ``rows`` by ``cols``."""
    # The list keeps every image alive, copied or not, while the kernel holds its address.
    images = [np.ascontiguousarray(slc) for slc in slcs]
    real = np.empty(0, images[0].dtype).real.dtype
    out = np.empty((len(pairs), *images[0].shape), real)
    addresses = np.array([image.ctypes.data for image in images], np.uintp)
    kernel.coherence_pairs(addresses, np.array(pairs, np.longlong).reshape(-1, 2), rows, cols, clip, out)
    return out
