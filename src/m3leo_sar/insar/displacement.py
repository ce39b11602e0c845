"""Displacement from unwrapped phase."""

from __future__ import annotations

import math
from typing import Any

from m3leo_sar.doors.door import door


@door(arrays={"unwrapped": "*"}, name="displacement", units={"displacement": "mm"})
def line_of_sight_displacement(unwrapped: Any, *, wavelength: float) -> Any:
    """Compute the line-of-sight displacement between two dates.

    Parameters
    ----------
    unwrapped : array of float
        Unwrapped phase of reference x conj(secondary) in radians, where the reference is the earlier date, after
        removal of flat earth, topography and atmosphere.
    wavelength : float
        Radar wavelength in metres.

    Returns
    -------
    array of float
        Millimetres from the reference to the secondary date, positive **towards** the radar:
        ``-1000 wavelength / (4 pi) unwrapped``. Subsidence increases the range, so the secondary's phase, -4 pi range /
        wavelength, falls and that of reference x conj(secondary) rises.

    Raises
    ------
    ValueError
        If the wavelength is not above 0.

    Examples
    --------
    One fringe at C band is half a wavelength:

    >>> import numpy as np
    >>> line_of_sight_displacement(np.array([2 * np.pi]), wavelength=0.0555).round(3).tolist()
    [-27.75]
    """
    if not (math.isfinite(wavelength) and wavelength > 0):
        raise ValueError(f"wavelength must be finite metres above 0, got {wavelength}")
    return unwrapped * (-1000.0 * wavelength / (4.0 * math.pi))
