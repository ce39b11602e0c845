"""Areas of interest from files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.io.files import limits

#: Suffixes of texts; geopandas reads every other file.
_TEXTS = (".wkt", ".txt", ".geojson", ".json")

#: Suffixes of rasters, whose outline is an area.
_RASTERS = (".tif", ".tiff", ".vrt", ".img", ".jp2", ".bil")


def read_area(path: str | os.PathLike[str]) -> Any:
    """Polygon of a file, in degrees; the union of its features.

    Parameters
    ----------
    path : str or path
        WKT or GeoJSON in longitude and latitude, or anything geopandas reads (GeoPackage, Shapefile, FlatGeobuf,
        GeoParquet, ...) in any CRS; or a raster (GeoTIFF, VRT, ENVI, JPEG 2000) with a CRS, whose outline is taken.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file needs geopandas and it is not installed.
    ValueError
        If it holds no polygon, or specifies no CRS.
    """
    file = Path(path)
    if not file.is_file() and file.suffix.lower() not in (".gdb", ".shp.zip"):
        raise FileNotFoundError(f"there is no file {file}")
    try:
        # Coordinates that are no numbers are reported below, from the polygon.
        with np.errstate(invalid="ignore"):
            return aoi_polygon(_content(file))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} must hold a polygon: {error}") from error


def _content(file: Path) -> Any:
    if file.suffix.lower() in _TEXTS:
        return limits.read_text(file).strip()
    if file.suffix.lower() in _RASTERS:
        return _outline(file)
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
        # Each of its engines has its own errors.
        raise ValueError(f"geopandas cannot read it: {error}") from error


def _outline(file: Path) -> Any:
    """Outline of a raster in degrees, its edges followed at many points."""
    import rasterio
    import shapely

    from m3leo_sar.grid.geobox import GeoBox

    try:
        with rasterio.open(file) as source:
            crs, shape, affine = source.crs, source.shape, source.transform
    except (rasterio.errors.RasterioIOError, UnicodeDecodeError) as error:
        raise ValueError(f"rasterio cannot read it: {error}") from error
    if crs is None:
        raise ValueError("the raster has no CRS")
    box = GeoBox(shape=shape, affine=affine, crs=crs.to_string())
    x, y = box.outline()
    return shapely.Polygon(np.stack(box.transformer_to("EPSG:4326").transform(x, y), axis=1))
