"""A grid from evenly spaced pixel centres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox

#: Allowed deviation from even spacing, as a fraction of a pixel: float32 degrees of 10 m pixels deviate by 0.04.
_UNEVEN = 0.05


def regular_geobox(x: NDArray[Any], y: NDArray[Any], crs: str) -> GeoBox:
    """Grid of evenly spaced pixel centres; rows and columns follow the order of the centres, ascending or descending.

    Raises
    ------
    ValueError
        If an axis has fewer than two centres, or a centre is off its position by over a twentieth of a pixel.

    Examples
    --------
    >>> regular_geobox(np.array([0.5, 1.5, 2.5]), np.array([10.0, 12.0]), "EPSG:4326").resolution
    (1.0, 2.0)
    """
    steps = []
    for name, axis in (("x", x), ("y", y)):
        if axis.ndim != 1 or len(axis) < 2:
            raise ValueError(f"{name} must hold at least two centres along one axis, got shape {axis.shape}")
        axis = axis.astype(np.float64)
        step = (axis[-1] - axis[0]) / (len(axis) - 1)
        even = axis[0] + step * np.arange(len(axis))
        if not abs(step) > 0 or not np.abs(axis - even).max() <= _UNEVEN * abs(step):
            raise ValueError(f"{name} must be evenly spaced, it runs {axis[0]:g}, {axis[1]:g}, ... {axis[-1]:g}")
        steps.append(float(step))
    affine = (steps[0], 0.0, float(x[0]) - steps[0] / 2, 0.0, steps[1], float(y[0]) - steps[1] / 2)
    return GeoBox((len(y), len(x)), affine, crs)  # type: ignore[arg-type]
