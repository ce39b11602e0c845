"""Tiles of web maps: their grids by zoom, column and row, and their description as TileJSON."""

from __future__ import annotations

import math
import re
from typing import Any

from m3leo_sar.grid.antimeridian import Bounds
from m3leo_sar.grid.geobox import GeoBox

#: Web Mercator, its half side in metres, and the pixels of a tile.
CRS, HALF_SIDE, PIXELS = "EPSG:3857", math.pi * 6378137.0, 256
#: Deepest zoom: pixels of 9 mm at the equator.
DEEPEST = 24


def map_tile(zoom: str, column: str, row: str) -> GeoBox:
    """Grid of a tile by its numbers, row 0 in the north.

    Parameters
    ----------
    zoom, column, row : str
        As in ``{z}/{x}/{y}``.

    Raises
    ------
    ValueError
        If one is not a whole number of the tiles that exist.

    Examples
    --------
    >>> map_tile("1", "1", "0").bounds == (0.0, 0.0, HALF_SIDE, HALF_SIDE)
    True
    """
    if not all(re.fullmatch("[0-9]{1,8}", text, re.ASCII) for text in (zoom, column, row)):
        raise ValueError(f"a tile must read ZOOM/COLUMN/ROW in whole numbers, got {f'{zoom}/{column}/{row}'[:60]!r}")
    z, x, y = int(zoom), int(column), int(row)
    if z > DEEPEST:
        raise ValueError(f"zoom must be 0 to {DEEPEST}, got {z}")
    if not (x < 2**z and y < 2**z):
        raise ValueError(f"column and row of zoom {z} must be 0 to {2**z - 1}, got {x} and {y}")
    side = 2 * HALF_SIDE / 2**z
    left, top = x * side - HALF_SIDE, HALF_SIDE - y * side
    return GeoBox.from_bounds((left, top - side, left + side, top), shape=(PIXELS, PIXELS), crs=CRS)


def tile_json(
    address: str, *, bounds: Bounds, zooms: tuple[int, int], name: str, description: str, attribution: str
) -> dict[str, Any]:
    """Description of tiles.

    Parameters
    ----------
    address : str
        With ``{z}``, ``{x}`` and ``{y}``.
    bounds : (west, south, east, north)
        Degrees; within -180 to 180 in the result, the whole globe's width across the 180th meridian.
    zooms : (int, int)
        Least and greatest.
    name, description, attribution : str

    References
    ----------
    TileJSON 3.0.0, Mapbox, 2021.
    """
    west, south, east, north = bounds
    if west < -180 or east > 180:
        west, east = -180.0, 180.0
    return {
        "tilejson": "3.0.0",
        "tiles": [address],
        # Raster tiles have none; readers of version 3 expect the entry.
        "vector_layers": [],
        "scheme": "xyz",
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, zooms[0] + 1],
        "minzoom": zooms[0],
        "maxzoom": zooms[1],
        "name": name,
        "description": description,
        "attribution": attribution,
    }


def zoom_of(metres: float, latitude: float) -> float:
    """Zoom whose pixels have a size in metres on the ground at a latitude.

    Examples
    --------
    >>> round(zoom_of(10.0, 49.6), 2)
    13.31
    """
    return math.log2(2 * HALF_SIDE * math.cos(math.radians(latitude)) / (PIXELS * metres))
