"""Resampling rules that users bring: a file, a module, or an entry point of an installed package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._own_code import needs, own_module, own_names
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import Band

#: Entry-point group by which packages add rules.
ENTRY_POINTS = "m3leo_sar.resampling"


def is_own_rule(resampling: str) -> bool:
    """Whether a resampling names a rule of one's own and none of the library's words."""
    return "." in resampling or resampling in own_names(ENTRY_POINTS)


def own_rule(resampling: str) -> Any:
    """Module of a rule: ``resample(plane, source_geobox, tile, *, band)`` gives the plane on the tile.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        If there is no such rule, or it has no ``resample``.
    """
    return needs(own_module(resampling, group=ENTRY_POINTS, what="resampling"), ["resample"], what="resampling")


def resample_by_rule(
    array: NDArray[Any], bands: Sequence[Band], source_geobox: GeoBox, tile: GeoBox, *, resampling: str
) -> NDArray[Any]:
    """Planes (bands, rows, cols) on a tile by a rule of one's own.

    Raises
    ------
    ValueError
        If the rule gives another shape than the tile's.
    """
    rule = own_rule(resampling)
    planes = [
        np.asarray(rule.resample(plane, source_geobox, tile, band=band))
        for plane, band in zip(array, bands, strict=True)
    ]
    for plane, band in zip(planes, bands, strict=True):
        if plane.shape != tile.shape:
            raise ValueError(f"resample of {resampling} must give {tile.shape} for {band.name}, got {plane.shape}")
    return np.stack(planes)
