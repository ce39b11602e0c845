"""Sizes of raw rasters, whose expected bytes are given by a header beside them.

GDAL reads zeros beyond the end of such a file.
"""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from m3leo_sar.io.files.vrt import is_vrt, read_vrt

#: GDAL's drivers whose pixels are a file without a header.
_RAW = ("ENVI", "EHdr", "ISCE", "ROI_PAC", "GenBin", "PAux", "RRASTER", "DIPEx")
#: First bytes of formats that contain their own size: TIFF, BigTIFF, HDF5, PNG, JPEG, JPEG 2000, netCDF.
_SELF_TOLD = (b"II", b"MM", b"\x89HDF", b"\x89PNG", b"\xff\xd8", b"\x00\x00\x00\x0c", b"CDF")


def require_full_size(source: Any, path: str | os.PathLike[str]) -> None:
    """Refuse an open raster whose pixels lie in raw files that are too short, directly or through VRTs.

    Parameters
    ----------
    source : rasterio.DatasetReader
    path : path
        Path of the raster.

    Raises
    ------
    ValueError
        If a file is too short; the message states the file, its size and the expected size.
    """
    if source.driver in _RAW:
        _require_raw(source, os.fspath(path))
    elif source.driver == "VRT":
        _require_vrt(os.fspath(path), {os.path.realpath(path)})


def _require_raw(source: Any, path: str) -> None:
    if source.driver == "RRASTER":
        path = os.path.splitext(path)[0] + ".gri"
    tags = source.tags(ns="ENVI") if source.driver == "ENVI" else {}
    if tags.get("file_compression", "0").strip() not in ("", "0") or not os.path.isfile(path):
        return
    bits = source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    pixel = int(bits) / 8 if bits else _itemsize(source.dtypes[0])
    offset = int(tags.get("header_offset", "0").strip() or 0)
    _require(path, offset + int(prod(source.shape) * source.count * pixel), Path(source.name).name)


def _require_vrt(path: str, seen: set[str]) -> None:
    """Check the raw bands of a VRT and of its sources."""
    if not os.path.isfile(path):
        return
    vrt = read_vrt(path)
    for band in vrt.bands:
        for part in band.raw:
            if os.path.isfile(part.path):
                _require(part.path, part.size, Path(path).name)
    raw = {part.path for band in vrt.bands for part in band.raw}
    for name in vrt.files:
        if name in raw or os.path.realpath(name) in seen or not os.path.isfile(name):
            continue
        seen.add(os.path.realpath(name))
        if is_vrt(name):
            _require_vrt(name, seen)
        elif not _tells_itself(name):
            with rasterio.open(name) as source:
                require_full_size(source, name)


def _tells_itself(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.read(4).startswith(_SELF_TOLD)


def _itemsize(dtype: str) -> int:
    return 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize


def _require(path: str, expected: int, header: str) -> None:
    size = os.path.getsize(path)
    if size < expected:
        place = "its header" if header == Path(path).name else header
        raise ValueError(f"{Path(path).name} is cut short: {place} requires {expected} bytes, it has {size}")
