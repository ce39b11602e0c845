"""Open datasets and bands of GDAL's own Python package, ``osgeo.gdal``, where the path of a raster is expected.

rasterio carries a GDAL of its own, and no open dataset can pass between two of them: a dataset of a file is opened
again by its path, any other (in memory, a VRT that was never saved, a subdataset) is copied as a GeoTIFF in memory.
"""

from __future__ import annotations

import importlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import rasterio

from m3leo_sar.grid.projection import proj_version
from m3leo_sar.io.files import limits


def is_gdal(raster: Any) -> bool:
    """Whether it is a ``Dataset`` or a ``Band`` of ``osgeo.gdal``; loads nothing."""
    return type(raster).__module__.partition(".")[0] == "osgeo"


def band_of(raster: Any) -> int | None:
    """Number of a band, from 1; None for a dataset, which stands for all of its bands."""
    return int(raster.GetBand()) if hasattr(raster, "GetBand") else None


def file_path(raster: Any) -> str | None:
    """Path of the file that a dataset or a band lies in, all of it written; None if it lies in none."""
    dataset = _dataset(raster)
    name = str(dataset.GetDescription())
    # A dataset in memory may be called as a file is.
    if dataset.GetDriver().ShortName in ("MEM", "Memory") or not os.path.isfile(name):
        return None
    dataset.FlushCache()
    return name


def path_in_file(raster: Any, name: str) -> str:
    """Path of the file that a dataset or a band lies in, for readers that read it later or in other processes.

    Raises
    ------
    ValueError
        If it lies in none; the message begins with ``name``.
    """
    path = file_path(raster)
    if path is None:
        raise ValueError(f"{name} must be a dataset that lies in a file, got one in memory; save it first")
    return path


@contextmanager
def opened_path(raster: Any) -> Iterator[str]:
    """Path by which rasterio opens a dataset inside the block.

    Raises
    ------
    ValueError
        If it lies in no file and is too large, or cannot be copied.
    """
    path = file_path(raster)
    if path is not None:
        yield path
        return
    with rasterio.MemoryFile(_as_geotiff(_dataset(raster)), ext=".tif") as memory:
        yield memory.name


def versions() -> dict[str, str]:
    """Versions of GDAL and PROJ by who carries them: rasterio, pyproj, and osgeo where it is installed.

    Rasters are read by rasterio's GDAL; coordinates are transformed by pyproj's PROJ.
    """
    found = {"GDAL of rasterio": str(rasterio.__gdal_version__), "PROJ of pyproj": proj_version()}
    with suppress(ImportError):
        found["GDAL of osgeo"] = str(importlib.import_module("osgeo.gdal").__version__)
    return found


def driver_names() -> set[str]:
    """Short names of the drivers of rasterio's GDAL."""
    with rasterio.Env() as environment:
        return set(environment.drivers())


def _dataset(raster: Any) -> Any:
    return raster.GetDataset() if hasattr(raster, "GetBand") else raster


def _as_geotiff(dataset: Any) -> bytes:
    """A GeoTIFF of all that a dataset shows, its mask inside."""
    gdal: Any = importlib.import_module("osgeo.gdal")
    size = max(
        gdal.GetDataTypeSize(dataset.GetRasterBand(band).DataType) // 8 for band in range(1, dataset.RasterCount + 1)
    )
    shape = (dataset.RasterCount, dataset.RasterYSize, dataset.RasterXSize)
    limits.require_array("a dataset of GDAL in memory", shape, size, limits.LARGEST_RASTER)
    place = f"/vsimem/m3leo_sar-{uuid.uuid4().hex}.tif"
    before = gdal.GetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", None)
    gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    try:
        copy = gdal.GetDriverByName("GTiff").CreateCopy(place, dataset)
        if copy is None:
            raise ValueError(f"a dataset of GDAL in memory cannot be read: {gdal.GetLastErrorMsg()}")
        # What is left to write is written when the last name of it goes.
        del copy
        return _content(gdal, place)
    except RuntimeError as error:
        raise ValueError(f"a dataset of GDAL in memory cannot be read: {error}") from error
    finally:
        gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", before)
        if gdal.VSIStatL(place) is not None:
            gdal.Unlink(place)


def _content(gdal: Any, place: str) -> bytes:
    file = gdal.VSIFOpenL(place, "rb")
    try:
        return bytes(gdal.VSIFReadL(1, gdal.VSIStatL(place).size, file))
    finally:
        gdal.VSIFCloseL(file)
