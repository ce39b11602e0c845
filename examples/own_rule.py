"""A resampling rule of your own: ``m3leo-sar retile dem.tif ARCHIVE --dataset relief --resampling own_rule.py``.

Each tile pixel gets the range of heights over its ground, which no built-in rule gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar import GeoBox, reproject


def resample(plane: NDArray[Any], source_geobox: GeoBox, tile: GeoBox, *, band: Any) -> NDArray[np.float32]:
    """Highest less lowest value (rows, cols) over the ground of each tile pixel."""
    values = plane.astype(np.float32)
    highest = reproject(values, source_geobox, tile, resampling="max")
    lowest = reproject(values, source_geobox, tile, resampling="min")
    return np.asarray(highest - lowest, np.float32)
