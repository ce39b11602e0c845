"""Areas of interest from files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.io.files import limits

#: Suffixes of texts; every other file is left to geopandas.
_TEXTS = (".wkt", ".txt", ".geojson", ".json")


def read_area(path: str | os.PathLike[str]) -> Any:
    """Polygon of a file, in degrees; all its features together.

    Parameters
    ----------
    path : str or path
        WKT or GeoJSON in longitude and latitude, or anything geopandas reads (GeoPackage, Shapefile, FlatGeobuf,
        GeoParquet, ...) in any CRS.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file needs geopandas and it is not installed.
    ValueError
        If it holds no polygon, or tells no CRS.
    """
    file = Path(path)
    if not file.is_file() and file.suffix.lower() not in (".gdb", ".shp.zip"):
        raise FileNotFoundError(f"there is no file {file}")
    try:
        # Coordinates that are no numbers are told of below, by what they make of the polygon.
        with np.errstate(invalid="ignore"):
            return aoi_polygon(_content(file))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} must hold a polygon: {error}") from error


def _content(file: Path) -> Any:
    if file.suffix.lower() in _TEXTS:
        return limits.read_text(file).strip()
    try:
        import geopandas
    except ImportError as error:
        raise ImportError(
            f"{file} needs geopandas to be read: pip install 'm3leo-sar[vector]', or give WKT or GeoJSON"
        ) from error
    try:
        read = geopandas.read_parquet if file.suffix.lower() in (".parquet", ".geoparquet") else geopandas.read_file
        return read(file)
    except Exception as error:
        # Each of its engines has errors of its own.
        raise ValueError(f"geopandas cannot read it: {error}") from error
