"""Homogeneous pixels of NumPy stacks."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.coherence_request import CoherenceRequest, map_addresses
from m3leo_sar._backend.cpu_coherence import address
from m3leo_sar._backend.words import as_parts
from m3leo_sar._ext import homogeneous as kernel


def homogeneous_ks(amplitude: np.ndarray, limit: int, rows: int, cols: int) -> np.ndarray:
    """Mask (rows, cols, words) from amplitudes (dates, rows, cols)."""
    amplitude = np.ascontiguousarray(amplitude)
    mask = np.empty((*amplitude.shape[1:], -(-rows * cols // 64)), np.uint64)
    kernel.homogeneous_ks(amplitude, limit, rows, cols, mask)
    return mask


def homogeneous_glrt(intensity: np.ndarray, limit: float, rows: int, cols: int) -> np.ndarray:
    """Mask (rows, cols, words) from mean intensities (rows, cols)."""
    intensity = np.ascontiguousarray(intensity)
    mask = np.empty((*intensity.shape, -(-rows * cols // 64)), np.uint64)
    kernel.homogeneous_glrt(intensity, limit, rows, cols, mask)
    return mask


def homogeneous_coherence(
    reference: np.ndarray,
    secondary: np.ndarray,
    mask: np.ndarray,
    min_neighbours: int,
    request: CoherenceRequest,
) -> dict[str, np.ndarray]:
    """Maps (rows, cols) over the samples set in the mask, at least ``min_neighbours`` of them valid."""
    images = [as_parts(np.ascontiguousarray(image)) for image in (reference, secondary)]
    maps = {name: np.empty(images[0].shape[:2], dtype) for name, dtype in request.dtypes(images[0].dtype)}
    rule = (request.min_valid, min_neighbours, request.centred)
    addresses = map_addresses(maps, address)
    kernel.homogeneous_coherence(*images, np.ascontiguousarray(mask), *request.window, *rule, addresses)
    return maps
