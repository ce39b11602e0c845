"""Sources of the pixels of a GDAL VRT: raw files, and parts of other rasters."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.plain_xml import parse_xml

#: Text by which GDAL recognises a VRT.
_START = b"<VRTDataset"
#: GDAL's type names that differ from NumPy's.
_TYPES = {"Byte": "u1", "CInt16": "u4", "CInt32": "u8", "CFloat32": "c8", "CFloat64": "c16"}
_SOURCES = ("SimpleSource", "ComplexSource", "AveragedSource", "NoDataFromMaskSource")


class RawPart(NamedTuple):
    """A raw file and the bytes that it must have."""

    path: str
    size: int


class Rectangle(NamedTuple):
    """Rectangle of pixels from (row, col) on, in whole or fractional pixels."""

    row: float
    col: float
    rows: float
    cols: float


class SourcePart(NamedTuple):
    """Part of a raster in a band of a VRT; without rectangles, the whole raster."""

    path: str
    #: Number of the band, None for its mask.
    band: int | None
    inside: Rectangle | None
    target: Rectangle | None
    #: No-data value of this source, if the VRT specifies one.
    nodata: float | None


@dataclass(frozen=True)
class VrtBand:
    """One band of a VRT."""

    #: Whether a GDAL function (``polar``, ``complex``, ``mul`` ...) computes it from all its sources at once.
    is_derived: bool
    sources: tuple[SourcePart, ...] = ()
    raw: tuple[RawPart, ...] = ()


@dataclass(frozen=True)
class Vrt:
    """Bands of a VRT, and every referenced file."""

    bands: tuple[VrtBand, ...]
    files: tuple[str, ...] = field(default=())


def is_vrt(path: str | os.PathLike[str]) -> bool:
    """Whether a local file holds a VRT, regardless of its name."""
    try:
        with open(path, "rb") as stream:
            return _START in stream.read(4096)
    except OSError:
        return False


def read_vrt(path: str | os.PathLike[str]) -> Vrt:
    """Parse a VRT.

    Raises
    ------
    ValueError
        If it is not XML, or an entry is not a number.
    """
    facts = os.stat(path)
    return _parsed(os.fspath(path), facts.st_mtime_ns, facts.st_size)


# Every window of a stack opens its file again, and a mosaic may reference thousands of files.
@lru_cache(maxsize=256)
def _parsed(path: str, _changed: int, size: int) -> Vrt:
    limits.require_size(Path(path).name, size, limits.LARGEST_TEXT)
    root = parse_xml(Path(path).read_bytes(), Path(path).name)
    # GDAL resolves names relative to the target of a link.
    folder = os.path.dirname(os.path.realpath(path))
    try:
        shape = int(root.get("rasterYSize", "0")), int(root.get("rasterXSize", "0"))
        bands = tuple(_band(item, shape, folder) for item in root.findall("VRTRasterBand"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{Path(path).name} cannot be read as a VRT: {error}") from error
    named = [*root.iter("SourceFilename"), *root.iter("SourceDataset")]
    return Vrt(bands, tuple(dict.fromkeys(_located(item, folder) for item in named)))


def _band(item: ElementTree.Element, shape: tuple[int, int], folder: str) -> VrtBand:
    kind = item.get("subClass", "")
    if kind == "VRTRawRasterBand":
        return VrtBand(False, raw=(_raw(item, shape, folder),))
    sources = tuple(_source(part, folder) for part in item if part.tag in _SOURCES)
    return VrtBand(kind == "VRTDerivedRasterBand", sources=sources)


def _raw(item: ElementTree.Element, shape: tuple[int, int], folder: str) -> RawPart:
    """File of a raw band, and the end of its furthest pixel: steps may be negative."""
    name = item.get("dataType", "Byte")
    itemsize = np.dtype(_TYPES.get(name, name.lower())).itemsize
    start = int(item.findtext("ImageOffset") or 0)
    step = int(item.findtext("PixelOffset") or itemsize)
    line = int(item.findtext("LineOffset") or step * shape[1])
    end = start + max(0, (shape[0] - 1) * line) + max(0, (shape[1] - 1) * step) + itemsize
    return RawPart(_located(item.find("SourceFilename"), folder), end)


def _source(item: ElementTree.Element, folder: str) -> SourcePart:
    band, nodata = (item.findtext("SourceBand") or "1").strip(), item.findtext("NODATA")
    return SourcePart(
        _located(item.find("SourceFilename"), folder),
        int(band) if band.isdigit() else None,
        _rectangle(item.find("SrcRect")),
        _rectangle(item.find("DstRect")),
        float(nodata) if nodata else None,
    )


def _rectangle(item: ElementTree.Element | None) -> Rectangle | None:
    return (
        None
        if item is None
        else Rectangle(*(float(item.get(name, "0")) for name in ("yOff", "xOff", "ySize", "xSize")))
    )


def _located(item: ElementTree.Element | None, folder: str) -> str:
    if item is None or not item.text:
        return ""
    name = item.text.strip()
    return os.path.join(folder, name) if item.get("relativeToVRT", item.get("relativetoVRT")) == "1" else name
