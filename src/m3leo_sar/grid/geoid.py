"""Geoid undulations from the grids of PROJ: heights of the geoid above the WGS 84 ellipsoid."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.heights import ELLIPSOID
from m3leo_sar.grid.projection import geoid_grid_transformer, proj_folders

#: Folders of system packages, such as Debian's proj-data, which the PROJ in Python wheels does not search.
_SYSTEM = ("/usr/share/proj", "/usr/local/share/proj")


class Geoid(NamedTuple):
    """A global geoid that terrain models refer to."""

    #: Vertical CRS of heights above it.
    vertical_crs: str
    #: Names of PROJ's grid files of it, the newer one first.
    grids: tuple[str, ...]


#: Word of each geoid: EGM2008 for the Copernicus DEM, EGM96 for SRTM, NASADEM and ALOS.
GEOIDS = {
    "egm2008": Geoid("EPSG:3855", ("us_nga_egm08_25.tif", "egm08_25.gtx")),
    "egm96": Geoid("EPSG:5773", ("us_nga_egm96_15.tif", "egm96_15.gtx")),
}


def vertical_datum(text: str) -> str:
    """Vertical CRS of a word: ``egm2008``, ``egm96``; ``ellipsoid`` and codes unchanged.

    Examples
    --------
    >>> vertical_datum("EGM2008"), vertical_datum("ellipsoid"), vertical_datum("EPSG:5773")
    ('EPSG:3855', 'ellipsoid', 'EPSG:5773')

    Raises
    ------
    ValueError
        If it is neither a known word nor the code or text of a CRS.
    """
    word = text.lower()
    if word in GEOIDS:
        return GEOIDS[word].vertical_crs
    if word != ELLIPSOID and not set(text) & set(":["):
        raise ValueError(
            f"vertical_crs must be one of {', '.join(GEOIDS)}, {ELLIPSOID} or the code of a vertical CRS such as "
            f"EPSG:3855, got {text!r}"
        )
    return ELLIPSOID if word == ELLIPSOID else text


def geoid_folders() -> list[Path]:
    """Folders that are searched for geoid grids."""
    return [Path(folder) for folder in dict.fromkeys((*proj_folders(), *_SYSTEM))]


def find_geoid(vertical_crs: str) -> Path | None:
    """Grid file of the geoid of a vertical CRS on this machine, None if there is none or the geoid is unknown."""
    names = [name for geoid in GEOIDS.values() if geoid.vertical_crs == vertical_crs for name in geoid.grids]
    return next((folder / name for name in names for folder in geoid_folders() if (folder / name).is_file()), None)


def undulation(path: str | os.PathLike[str], longitude: Any, latitude: Any) -> NDArray[np.float64]:
    """Height of the geoid above the ellipsoid, metres, by bilinear interpolation of a grid file.

    Parameters
    ----------
    path : path
        Grid in GTX format, or a GeoTIFF of PROJ.
    longitude, latitude : array_like
        WGS 84 degrees; longitudes beyond 180 are allowed.

    Returns
    -------
    float64, in the shape of the positions
        NaN outside the grid.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If PROJ cannot read it.
    """
    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(f"there is no geoid grid {place}")
    longitude, latitude = np.broadcast_arrays(np.asarray(longitude, np.float64), np.asarray(latitude, np.float64))
    transformer = geoid_grid_transformer(str(place.resolve()))
    height = np.asarray(transformer.transform(longitude, latitude, np.zeros_like(longitude))[2], np.float64)
    return np.where(np.isfinite(height), height, np.nan)
