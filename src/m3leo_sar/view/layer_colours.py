"""Layers in the colours of all pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.pictures.colours import amplitude_image, coherence_image, phase_image
from m3leo_sar.pictures.rgba import Rgba


def layer_image(values: NDArray[Any], layer: str, *, limits: tuple[float, float] | None = None) -> Rgba:
    """Draw a layer: coherence from 0 to 1, phase on the colour wheel, intensity in grey over dB.

    Parameters
    ----------
    values : (rows, cols) float32
    layer : str
        One of :data:`m3leo_sar.view.pair_map.LAYERS`.
    limits : (float, float), optional
        Decibels of black and white of an intensity; by default the 2nd and 98th percentile of these values.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where there is no data.
    """
    if layer == "coherence":
        return coherence_image(values)
    if layer == "phase":
        return phase_image(values)
    return amplitude_image(np.sqrt(values), limits=limits)
