"""Transformers between coordinate reference systems, and what kind of system one is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyproj

LONGITUDE_LATITUDE = "EPSG:4326"
#: Spellings of longitude and latitude that are recognised without loading PROJ.
_GEOGRAPHIC = (LONGITUDE_LATITUDE, "OGC:CRS84")


@lru_cache(maxsize=64)
def transformer_between(crs: str, target: str) -> pyproj.Transformer:
    """Transformer between two CRS, x before y; cached, as making one takes longer than placing a tile.

    Raises
    ------
    ValueError
        If a CRS is not understood, or PROJ knows no operation between the two.
    """
    # Imported here because loading PROJ costs more than the rest of the package.
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        return Transformer.from_crs(crs, target, always_xy=True)
    except ProjError as error:
        raise ValueError(
            f"crs must be one that PROJ understands and leads to the other, got {crs!r} to {target!r}: {error}"
        ) from error


@lru_cache(maxsize=64)
def is_geographic(crs: str) -> bool:
    """Whether the coordinates are longitude and latitude in degrees.

    Raises
    ------
    ValueError
        If the CRS is not understood.
    """
    return crs.upper() in _GEOGRAPHIC or bool(_parsed(crs).is_geographic)


def short_name(crs: str) -> str:
    """EPSG code of a CRS that has one, so that equal grids compare equal; else the CRS as given.

    Raises
    ------
    ValueError
        If the CRS is not understood.
    """
    code = _parsed(crs).to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code else crs


def nearest_longitude(longitude: np.ndarray, centre: float) -> np.ndarray:
    """Longitudes moved by whole turns to within 180 degrees of ``centre``; those that are there keep their bits."""
    return longitude - 360.0 * np.round((longitude - centre) / 360.0)


def _parsed(crs: str) -> pyproj.CRS:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise ValueError(f"crs must be one that PROJ understands, got {crs!r}: {error}") from error
