"""Coherence of NumPy stacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m3leo_sar._backend.coherence_request import CoherenceRequest, map_addresses
from m3leo_sar._backend.result_memory import empty
from m3leo_sar._ext import coherence as kernel


def address(array: np.ndarray) -> int:
    """Address of an array's first element."""
    return int(array.ctypes.data)


def coherence_pairs(
    slcs: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]], request: CoherenceRequest
) -> dict[str, np.ndarray]:
    """Maps (pairs, rows, cols) of images of one shape and type; complex int16 is (rows, cols, 2)."""
    # The lists keep every array alive, copied or not, while the kernel uses its address.
    images = [np.ascontiguousarray(slc) for slc in slcs]
    phases = [np.ascontiguousarray(phase, np.float64) for phase in request.phases]
    size, int16 = images[0].shape[:2], images[0].dtype == np.int16
    real = np.dtype(np.float32) if int16 else np.empty(0, images[0].dtype).real.dtype
    maps = {name: empty((len(pairs), *request.out_shape(size)), dtype) for name, dtype in request.dtypes(real)}
    kernel.coherence_pairs(
        np.array([address(image) for image in images], np.uintp),
        int16,
        np.array(pairs, np.longlong).reshape(-1, 2),
        np.array([address(phase) for phase in phases], np.uintp),
        size,
        request.window,
        request.step,
        *request.weights,
        request.min_valid,
        request.centred,
        request.clip,
        map_addresses(maps, address),
        np.empty(0, real),
    )
    return maps
