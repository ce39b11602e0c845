"""A stack from complex rasters, one file a date: GeoTIFF, VRT, ENVI or what else GDAL reads."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.raster import geobox_of, open_raster, read_window
from m3leo_sar.stack.geometry import OrbitGeometry, RadarGeometry
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.slc import SlcStack

SUFFIXES = (".tif", ".tiff", ".vrt", ".slc", ".img", ".bin")
#: GDAL's complex types to the type that is given.
_DTYPES = {"complex64": "complex64", "complex128": "complex128", "complex_int16": "complex64"}
_DATE = re.compile(r"(?<!\d)(\d{8})(?!\d)")


class _Header(NamedTuple):
    shape: tuple[int, int]
    dtype: str
    geobox: GeoBox | None


def read_raster_stack(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    polarisation: str,
    dates: Sequence[datetime.date] | None = None,
    geometry: RadarGeometry | OrbitGeometry | None = None,
    **facts: object,
) -> SlcStack:
    """Open complex rasters as a stack; pixels are read when a window is asked for.

    Parameters
    ----------
    source
        A folder, or the files, one a date. The first band is read.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``: rasters do not say.
    dates : sequence of datetime.date, optional
        Date of each file; by default the first eight digits in its name that are a day.
    geometry : RadarGeometry or OrbitGeometry, optional
        For files in radar geometry, which carry no map grid.
    **facts
        ``orbit``, ``track``, ``wavelength`` of the stack.

    Returns
    -------
    SlcStack
        complex64 or complex128. complex_int16 becomes complex64 of the same values. Pixels equal to the file's no-data
        value become NaN; a file that names none has none, and zero is a value.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    ValueError
        If a file is damaged, not complex, of another shape or grid than the first, has no date in its name, or has
        neither a map grid nor a geometry.
    """
    paths = raster_paths(source)
    days = list(dates) if dates is not None else [_date_of(path) for path in paths]
    if len(days) != len(paths):
        raise ValueError(f"dates must hold one date for each of the {len(paths)} files, got {len(days)}")
    order = sorted(range(len(paths)), key=lambda index: days[index])
    paths, days = [paths[index] for index in order], [days[index] for index in order]
    header = _common_header(paths)
    place = geometry or header.geobox
    if place is None:
        raise ValueError(
            f"{paths[0].name} has no map grid; pass geometry=RadarGeometry(latitude, longitude) or OrbitGeometry(...)"
        )
    if place.shape != header.shape:
        raise ValueError(f"geometry must have the shape of the images, {header.shape}, got {place.shape}")

    return SlcStack(
        dates=tuple(days),
        read=partial(_pixels, tuple(paths), header.dtype),
        geometry=place,
        polarisation=polarisation,
        dtype=header.dtype,
        name=str(paths[0].parent),
        **facts,  # type: ignore[arg-type]
    )


def _pixels(paths: tuple[Path, ...], dtype: str, index: int, rows: slice, cols: slice) -> NDArray[np.complexfloating]:
    return read_window(paths[index], 1, rows, cols).astype(dtype, copy=False)


def raster_paths(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Raster files of a folder, or the files named, sorted.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    if isinstance(source, str | os.PathLike):
        folder = Path(source)
        inside = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        paths = [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
        # ISCE puts x.slc.vrt, which tells where the pixels of x.slc lie, beside it.
        described = {path.with_suffix("") for path in paths if path.suffix.lower() == ".vrt"}
        paths = [path for path in paths if path not in described]
    else:
        paths = sorted(Path(path) for path in source)
    if not paths:
        raise FileNotFoundError(f"no raster ({', '.join(SUFFIXES)}) in {source}")
    return paths


def _date_of(path: Path) -> datetime.date:
    for digits in _DATE.findall(path.stem):
        try:
            return parse_date(digits)
        except ValueError:
            continue
    raise ValueError(f"{path.name} has no date YYYYMMDD in its name; pass dates=")


def _common_header(paths: list[Path]) -> _Header:
    headers = [_header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        if header != headers[0]:
            raise ValueError(
                f"{path.name} is {header.dtype} of shape {header.shape} on {header.geobox}, "
                f"{paths[0].name} is {headers[0].dtype} of shape {headers[0].shape} on {headers[0].geobox}"
            )
    return headers[0]


def _header(path: Path) -> _Header:
    with open_raster(path) as source:
        dtype = source.dtypes[0]
        if dtype not in _DTYPES:
            raise ValueError(f"{path.name} must be a complex raster, got {dtype}")
        return _Header(source.shape, _DTYPES[dtype], geobox_of(source))
