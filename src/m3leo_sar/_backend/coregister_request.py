"""Parameters of the co-registration kernels, the same for every backend."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Rows after which the recurrence of the carrier begins anew (ext/warp/coregister.h).
CARRIER_ROWS = 64
#: Powers of the row and of the column in the carrier.
CARRIER_TERMS = (3, 8)
#: Powers of row, column and height in the offsets.
OFFSET_TERMS = (4, 7, 4)
#: Rows of taps; columns of the narrow and the wide kernel.
DOWN_TAPS, RIGHT_TAPS = 8, (8, 12)
#: Columns per flag of a window that has any sample.
CHUNK = 64
#: Place in the model of the line from which the carrier's rows count.
CARRIER_ORIGIN = 10
_OFFSETS, _CARRIER = (16, 128), 240


class StillLines(NamedTuple):
    """Lines of a burst without their carrier.

    Parameters
    ----------
    pixels : (lines, cols) complex64
        NaN where not valid.
    first : int
        The burst's line that is the first of these.
    found : (lines, chunks) uint8 or None
        Whether any of 64 columns is finite, for kernels on the CPU.
    """

    pixels: Any
    first: int
    found: Any


class CoregisterRequest(NamedTuple):
    """Model, heights and kernel of one burst and date.

    Parameters
    ----------
    model : (264,) float64
        Offsets, phase and carrier in the layout of ext/warp/coregister.h.
    posts : (post rows, post cols) float32
        Heights, every ``steps`` rows and columns.
    down, right : (1025, taps) float64
        Weights along rows and columns.
    flatten : bool
        Whether the phase of the range difference comes on.
    inverse : float
        One over the unit of int16 results.
    """

    model: np.ndarray
    posts: Any
    steps: tuple[int, int]
    down: np.ndarray
    right: np.ndarray
    flatten: bool
    inverse: float


def coregister_model(
    *,
    origin: tuple[float, ...],
    scale: tuple[float, ...],
    azimuth: np.ndarray,
    across: np.ndarray,
    shift: float,
    phase: tuple[float, float, float],
    carrier: tuple[np.ndarray, tuple[float, float], tuple[float, float]],
) -> np.ndarray:
    """Model table of offsets in rows and columns, the phase's terms, and the carrier's table, origin and scale."""
    model = np.zeros(264)
    model[:3], model[3:6], model[6], model[7:10] = origin, 1 / np.array(scale), shift, phase
    for place, table in zip(_OFFSETS, (azimuth, across), strict=True):
        part = model[place : place + 112].reshape(OFFSET_TERMS)
        part[tuple(slice(0, size) for size in table.shape)] = table
    terms, carrier_origin, carrier_scale = carrier
    model[CARRIER_ORIGIN : CARRIER_ORIGIN + 2], model[12:14] = carrier_origin, 1 / np.array(carrier_scale)
    model[_CARRIER:].reshape(CARRIER_TERMS)[:] = terms
    return model
