"""Coherence along the local fringe of NumPy images."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.coherence_request import CoherenceRequest, map_addresses
from m3leo_sar._backend.cpu_coherence import address
from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import fringe as kernel


def fringe_coherence(
    reference: np.ndarray,
    secondary: np.ndarray,
    frequencies: tuple[np.ndarray, np.ndarray] | None,
    request: CoherenceRequest,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Maps, and the frequencies along rows and columns, given or estimated, each (rows, cols)."""
    images = [as_parts(np.ascontiguousarray(image)) for image in (reference, secondary)]
    shape, real, given = images[0].shape[:2], images[0].dtype, frequencies is not None
    # The kernel's signature has writable frequencies, so given ones are copied.
    found = [np.array(axis, order="C") for axis in frequencies or ()] or [np.empty(shape, real) for _ in range(2)]
    maps = {name: np.empty(shape, dtype) for name, dtype in request.dtypes(real)}
    rule = (given, request.min_valid, request.centred)
    kernel.fringe_coherence(*images, *request.window, *rule, *found, map_addresses(maps, address))
    return maps, found[0], found[1]
