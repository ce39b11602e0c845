"""Removal of the arbitrary phase ramp of an unwrapped phase."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import module_of


class PhasePlane(NamedTuple):
    """Phase in radians to subtract at pixel (row, col): offset + per_row x row + per_col x col."""

    offset: float
    per_row: float
    per_col: float


def phase_plane(phase: Any) -> PhasePlane:
    """Fit a plane and the median of the residual to an unwrapped phase.

    Parameters
    ----------
    phase : (rows, cols) float32 or float64
        Radians; NaN is no data.

    Returns
    -------
    PhasePlane
        Zero for no data; a slope is zero where the data do not determine it, as in a single column.

    Raises
    ------
    TypeError, ValueError
        If ``phase`` is not a real image.

    Notes
    -----
    Least squares over the valid pixels for the slopes; the offset is the median of the residual, so that a displaced
    part of less than half the tile does not shift the reference.

    Examples
    --------
    >>> rows, cols = np.mgrid[0:30, 0:40]
    >>> plane = phase_plane(3 + 0.1 * rows - 0.2 * cols)
    >>> [round(number, 6) for number in plane]
    [3.0, 0.1, -0.2]
    """
    _check.image_array(phase, "phase")
    if phase.ndim != 2 or phase.dtype.kind != "f":
        raise ValueError(f"phase must be real (rows, cols), got {phase.dtype} of shape {tuple(phase.shape)}")
    xp = module_of(phase)
    valid = xp.isfinite(phase)
    rows, cols = xp.nonzero(valid)
    if not len(rows):
        return PhasePlane(0.0, 0.0, 0.0)
    values = phase[valid].astype(np.float64)
    middle = float(rows.mean()), float(cols.mean())
    # Relative to the centre, where slope and offset are uncorrelated.
    down, right = rows - middle[0], cols - middle[1]
    system = np.array([[float(a @ b) for b in (down, right)] for a in (down, right)])
    per_row, per_col = np.linalg.pinv(system, hermitian=True) @ [float(axis @ values) for axis in (down, right)]
    offset = float(xp.median(values - per_row * rows - per_col * cols))
    return PhasePlane(offset, float(per_row), float(per_col))
