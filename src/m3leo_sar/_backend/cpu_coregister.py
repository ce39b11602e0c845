"""Co-registration of bursts in NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar._backend.coregister_request import CHUNK, CoregisterRequest, StillLines
from m3leo_sar._backend.result_memory import empty
from m3leo_sar._backend.words import as_parts


def still_lines(lines: np.ndarray, valid: np.ndarray | None, model: np.ndarray, first: int, count: int) -> StillLines:
    """Lines ``first`` to ``first + count`` of a burst without their carrier.

    ``lines`` is (rows, cols) complex64 or (rows, cols, 2) int16, ``valid`` (rows, 2) int64 or None.
    """
    lines = np.ascontiguousarray(lines)
    pixels = empty((count, lines.shape[1]), np.dtype(np.complex64))
    found = np.empty((count, -(-lines.shape[1] // CHUNK)), np.uint8)
    parts = lines if lines.dtype == np.int16 else as_parts(lines)
    _kernel().still(parts, valid, model, first, as_parts(pixels), found)
    return StillLines(pixels, first, found)


def coregister_rows(still: StillLines, request: CoregisterRequest, first_row: int, out: np.ndarray) -> int:
    """Fill rows of the reference from ``first_row`` on, (rows, cols) complex64 or (rows, cols, 2) int16.

    Returns the number of samples that did not fit into int16.
    """
    stored = out.dtype == np.int16
    full = _kernel().coregister(
        as_parts(still.pixels),
        still.found,
        still.first,
        request.model,
        request.posts,
        request.steps,
        request.down,
        request.right,
        first_row,
        request.flatten,
        None if stored else as_parts(out),
        out if stored else None,
        request.inverse,
    )
    return int(full)


def _kernel() -> Any:
    """The compiled kernel, loaded at its first use: most programs co-register no burst."""
    from m3leo_sar._ext import coregister

    return coregister
