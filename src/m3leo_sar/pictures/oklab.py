"""Conversion from OKLab, a perceptually uniform colour space, to sRGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Matrices from OKLab to cone responses, and from their cubes to linear sRGB.
_TO_CONES = np.array(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def from_oklab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert OKLab (..., 3) to sRGB within 0 and 1 (Ottosson, 2020)."""
    linear = np.clip((lab @ _TO_CONES.T) ** 3 @ _TO_LINEAR.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
