"""Any raster that GDAL reads, on disk or by URL, as a source of tiles."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.quantity import of_kind, require_kind, usual_resampling
from m3leo_sar.io.files.complex_parts import require_no_raster_parts
from m3leo_sar.io.files.gdal_dataset import band_of, is_gdal, path_in_file
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.files.raster import files_of, geobox_of, open_raster
from m3leo_sar.io.sources.tile_source import Piece, as_key, cover, file_facts

#: GDAL's prefixes for files on a server, by scheme.
_REMOTE = {"http": "/vsicurl/http://", "https": "/vsicurl/https://", "s3": "/vsis3/", "gs": "/vsigs/"}


class RasterSource:
    """A GeoTIFF, COG, VRT or other raster, read in windows.

    Parameters
    ----------
    path : str, path, or Dataset or Band of osgeo.gdal
        A dataset lies in a file; of a band, that one alone is taken. Otherwise a file, or a URL (``https``, ``http``,
        ``s3``, ``gs``). GDAL's environment variables hold the keys for a server that requires them; a password and
        the part of a URL after ``?`` appear in no message and no metadata.
    resampling : str, optional
        A word of :func:`m3leo_sar.reproject`. By default, the usual one of the quantity
        (:data:`m3leo_sar.io.components.quantity.KINDS`): bilinear for numbers, phase and decibels, mode for codes such
        as those with a table of colours, sum for amounts; and None for integers without a unit, which may be
        quantities or classes.
    nodata : int or float, optional
        No-data value, if the file specifies none or a wrong one.
    crs : str, optional
        Coordinate reference system of a file without one.
    indexes : sequence of int, optional
        Bands to take, from 1; by default all.
    quantity : {"number", "phase", "direction", "decibel", "code", "amount"}, optional
        Kind of all bands, if units and names imply none or a wrong one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no raster, has no CRS or no map grid, lacks a band, or has the real and imaginary parts of complex
        samples as bands or files of their own and no ``quantity`` is stated. A raster in the geometry of its sensor
        (SICD, ground control points, RPCs) has no map grid, even if GDAL reports a CRS and a transform from its
        corners.
    OSError
        If a server does not answer, or denies access.

    Notes
    -----
    Scale and offset of the file are applied, which gives floats. Masks and alpha bands count as no data.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Any,
        *,
        resampling: str | None = None,
        nodata: float | None = None,
        crs: str | None = None,
        indexes: Sequence[int] | None = None,
        quantity: str | None = None,
    ) -> None:
        require_kind(quantity)
        if is_gdal(path):
            path, indexes = _in_file(path, indexes)
        self._path, self.name, self._is_remote = _located(os.fspath(path))
        self._stated, self._quantity, self._has_failed = nodata, quantity, True
        with _Opened(self) as source:
            self.geobox = _placed(source, crs, self.name)
            self._indexes = _checked_indexes(indexes, source.count, self.name)
            if quantity is None:
                require_no_raster_parts(source, self.name if self._is_remote else path, indexes=self._indexes)
            self._scales = [(source.scales[index - 1], source.offsets[index - 1]) for index in self._indexes]
            self._dtype = np.result_type(*(_dtype(source.dtypes[index - 1]) for index in self._indexes))
            stored = [source.nodatavals[index - 1] for index in self._indexes]
            self._nodata = nodata if nodata is not None else stored[0]
            self.bands = _bands(source, self._indexes, self.name, quantity)
        self.resampling = resampling or usual_resampling(self.bands, is_integer=self._is_integer, source=self.name)
        self._facts = [self.name] if self._is_remote else _facts(path)
        self._has_failed = False

    def parameters(self, geobox: GeoBox) -> Any:
        """Its file with the sources of that, its bands and no-data value: the same for all tiles."""
        facts = {"file": self._facts, "bands": self._indexes, "nodata": self._stated, "crs": self.geobox.crs}
        return facts if self._quantity is None else {**facts, "quantity": self._quantity}

    def read(self, geobox: GeoBox) -> list[Piece]:
        """Pixels around a tile; an empty list if the raster does not cover it.

        Raises
        ------
        OSError
            If a server fails.
        ValueError
            If the file is damaged, or has integers with a mask but no no-data value.
        """
        part = cover(self.geobox, geobox)
        if part is None:
            return []
        with _Opened(self) as source:
            array = part.gather(lambda rows, cols: self._read(source, rows, cols), self._fill)
        return [Piece(array, part.geobox, self.bands, self._label)]

    @property
    def _is_scaled(self) -> bool:
        return any(scale != (1.0, 0.0) for scale in self._scales)

    @property
    def _is_integer(self) -> bool:
        return self._dtype.kind in "iub" and not self._is_scaled

    @property
    def _label(self) -> int | None:
        """No-data value of integers."""
        return int(self._nodata) if self._is_integer and self._nodata is not None else None

    @property
    def _fill(self) -> Any:
        return (self._label or 0) if self._is_integer else np.nan

    def _read(self, source: Any, rows: slice, cols: slice) -> NDArray[Any]:
        window = RasterWindow(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
        if self._dtype.kind == "c":
            return self._complex(source, window)
        found = source.read(self._indexes, window=window, masked=True, out_dtype=self._dtype)
        array, empty = found.data, np.ma.getmaskarray(found)
        if self._stated is not None:
            empty = empty | (array == self._stated)
        if not self._is_integer:
            return self._scaled(array, empty)
        if self._label is None and empty.any():
            raise ValueError(f"{self.name} masks integer pixels but specifies no no-data value; state nodata=")
        return np.where(empty, array.dtype.type(self._fill), array)

    def _complex(self, source: Any, window: RasterWindow) -> NDArray[Any]:
        """Complex pixels; GDAL's own mask of a no-data value considers the real part only."""
        array = source.read(self._indexes, window=window, out_dtype=self._dtype)
        empty = np.zeros(array.shape, bool) if self._nodata is None else array == self._nodata
        for plane, index in zip(empty, self._indexes, strict=True):
            flags = source.mask_flag_enums[index - 1]
            if MaskFlags.per_dataset in flags or MaskFlags.alpha in flags or not flags:
                plane |= source.read_masks(index, window=window) == 0
        return self._scaled(array, empty)

    def _scaled(self, array: NDArray[Any], empty: NDArray[np.bool_]) -> NDArray[Any]:
        if self._is_scaled:
            array = array.astype(np.result_type(array.dtype, np.float32))
            for plane, (scale, offset) in zip(array, self._scales, strict=True):
                plane *= scale
                plane += offset
        return np.where(empty, array.dtype.type(np.nan), array)


class _Opened:
    """A raster open for reading; a server's faults are OSErrors, and no message holds the secret parts of a URL."""

    def __init__(self, source: RasterSource) -> None:
        self.source = source

    def __enter__(self) -> Any:
        # A server has no folder to search for files beside the raster.
        options = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"} if self.source._is_remote else {}
        if self.source._has_failed:
            # GDAL caches that access was denied, as it caches headers.
            options["CPL_VSIL_CURL_NON_CACHED"] = self.source._path
        self.env = rasterio.Env(**options)
        self.env.__enter__()
        self.file = open_raster(self.source._path)
        try:
            return self.file.__enter__()
        except BaseException as error:
            self._leave(error)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            self.file.__exit__(kind, error, trace)
        except ValueError as plain:
            self._leave(plain)
            raise
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        self.env.__exit__(None, None, None)
        if self.source._is_remote and isinstance(error, ValueError) and isinstance(error.__cause__, RasterioError):
            self.source._has_failed = True
            detail = str(error.__cause__).replace(self.source._path, self.source.name)
            raise OSError(f"{self.source.name} cannot be read: {detail}") from None


def _in_file(raster: Any, indexes: Sequence[int] | None) -> tuple[str, Sequence[int] | None]:
    """File and bands of a dataset or a band of GDAL: tiles are read later, by processes that share no memory."""
    path, band = path_in_file(raster, "path"), band_of(raster)
    return path, indexes if band is None or indexes is not None else [band]


def _located(path: str) -> tuple[str, str, bool]:
    """Name for GDAL, name for messages, and whether the file is on a server."""
    scheme, colon, rest = path.partition("://")
    if colon and scheme.lower() in _REMOTE:
        parts = urlsplit(path)
        host = parts.netloc.rpartition("@")[2]
        return _REMOTE[scheme.lower()] + rest, f"{scheme}://{host}{parts.path}", True
    return path, Path(path).name, False


def _facts(path: str | os.PathLike[str]) -> list[Any]:
    """Signature that changes when a raster, or one of its source files, is replaced."""
    file, *others = files_of(path)
    facts = file_facts(file)
    # As a digest: every chip keeps these facts, and a mosaic may have thousands of files.
    return [*facts, parameter_digest([file_facts(other) for other in others])] if others else facts


def _placed(source: Any, crs: str | None, name: str) -> GeoBox:
    sensor = _sensor_geometry(source, is_stated=crs is not None)
    if sensor:
        raise ValueError(
            f"{name} has no map grid: {sensor}. It is in the geometry of its sensor; geocode it first, or read complex "
            "images as a stack"
        )
    box = geobox_of(source)
    if box is not None:
        return box if crs is None else GeoBox(box.shape, box.affine, crs)
    if source.transform.is_identity:
        raise ValueError(f"{name} has no map grid: it has no transform")
    if crs is None:
        raise ValueError(f"{name} has no CRS; state crs=")
    return GeoBox(source.shape, source.transform, crs)


def _sensor_geometry(source: Any, *, is_stated: bool) -> str:
    """Reason why a raster has no map grid, regardless of its transform; empty if it may have one."""
    if source.driver == "NITF" and source.tags().get("NITF_ICAT", "").strip() in ("SAR", "SARIQ"):
        return "it is a SAR image in NITF (SICD), whose transform only joins the corners of the slant plane"
    points, _ = source.gcps
    if points and source.transform.is_identity:
        return f"it is placed by {len(points)} ground control points"
    if source.rpcs is not None and not is_stated:
        return "it is placed by rational polynomial coefficients (RPCs); state crs= if its transform is that of a map"
    return ""


def _checked_indexes(indexes: Sequence[int] | None, count: int, name: str) -> list[int]:
    chosen = list(range(1, count + 1)) if indexes is None else [int(index) for index in indexes]
    if not chosen or not all(1 <= index <= count for index in chosen):
        raise ValueError(f"indexes must be bands 1 to {count} of {name}, got {chosen}")
    return chosen


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype("complex64" if name == "complex_int16" else name)


def _bands(source: Any, indexes: Sequence[int], product: str, quantity: str | None) -> tuple[Band, ...]:
    """Bands with unique names, also as names of chips: a repeated name gets the band's number as a suffix."""
    bands = [_band(source, index, product) for index in indexes]
    counts = Counter(as_key(band.name) for band in bands)
    apart = [
        replace(band, name=f"{band.name}_band{index}") if counts[as_key(band.name)] > 1 else band
        for band, index in zip(bands, indexes, strict=True)
    ]
    return tuple(of_kind(band, quantity) for band in apart)


def _band(source: Any, index: int, product: str) -> Band:
    name = source.descriptions[index - 1] or f"band{index}"
    name = name if as_key(name) else f"band{index}"
    is_class = source.colorinterp[index - 1].name == "palette"
    return Band(name, name, "class" if is_class else source.units[index - 1] or "", product)
