"""Rasters on a map grid: GeoTIFF, COG, VRT, ENVI and other formats of GDAL, through rasterio."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.env import env_ctx_if_needed as gdal_environment
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.io.files.gdal_dataset import band_of, is_gdal, opened_path
from m3leo_sar.io.files.no_data import as_valid, hide, masked_pixels
from m3leo_sar.io.files.raw_size import require_full_size
from m3leo_sar.io.remote.gdal_opener import GdalOpener
from m3leo_sar.io.remote.open_remote import ranged_file
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile, file_at

#: GDAL's driver for files that must be GeoTIFF: a VRT could make GDAL read any other file or URL.
GEOTIFF = "GTiff"
#: Most rows and bytes of a strip: few strips take less time than many, and of a wide raster a window reads few rows.
_STRIP_ROWS, _STRIP_BYTES = 64, 1 << 18
#: Setting by which GDAL, from 3.12 on, reads raw files that do not lie beside or below a VRT.
_RAW_SETTING = "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE"
#: Suffixes of files beside a raster that do not affect its pixels.
_BESIDE = (".ovr",)
#: Entries of a sidecar (``.aux.xml``) that change pixels, unlike the statistics that viewers leave there.
_SIDECAR = (b"<NoDataValue", b"<Scale", b"<Offset", b"<GeoTransform", b"<SRS", b"<MaskBand")


class Raster(NamedTuple):
    """A raster as read."""

    #: (rows, cols), or (bands, rows, cols) if the file has several; no data is NaN where the dtype has one.
    array: NDArray[Any]
    #: Grid of the pixels, None if the file has none.
    geobox: GeoBox | None
    #: The file's own metadata.
    tags: dict[str, str]
    #: The file's no-data value, None if it has none.
    nodata: float | None
    #: Names of the bands, None for a band without a name.
    names: tuple[str | None, ...] = ()
    #: The metadata of each band.
    band_tags: tuple[dict[str, str], ...] = ()


def read_raster(path: str | os.PathLike[str] | Any, *, driver: str | None = None, largest: int | None = None) -> Raster:
    """Read all bands of a raster.

    Float and complex pixels that equal the file's no-data value, or are hidden by its mask or alpha band, become NaN;
    integers are unchanged, and ``nodata`` states their no-data value. complex_int16 becomes complex64 of equal values.

    Parameters
    ----------
    path : path, or Dataset or Band of osgeo.gdal
        Of a band, that one alone is read.
    driver : str, optional
        GDAL's name of the only allowed format, such as ``GEOTIFF``; by default any.
    largest : int, optional
        Most bytes of the unpacked raster, by default ``limits.LARGEST_RASTER``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no raster, is cut short, is damaged, or is too large.
    """
    if is_gdal(path):
        with opened_path(path) as file:
            return _band_alone(read_raster(file, driver=driver, largest=largest), band_of(path))
    with open_raster(path, driver=driver) as source:
        limit = limits.LARGEST_RASTER if largest is None else largest
        limits.require_array(Path(path).name, (source.count, *source.shape), _itemsize(source), limit)
        array = source.read()
        whole = RasterWindow(0, 0, source.width, source.height)
        for index, plane in enumerate(array, start=1):
            hide(plane, masked_pixels(source, path, index, whole))
        geobox, tags, nodata = geobox_of(source), source.tags(), source.nodata
        names = tuple(source.descriptions)
        band_tags = tuple(source.tags(band) for band in source.indexes)
    array = array[0] if len(array) == 1 else array
    return Raster(as_valid(array, nodata), geobox, tags, nodata, names, band_tags)


def _band_alone(raster: Raster, band: int | None) -> Raster:
    if band is None or raster.array.ndim == 2:
        return raster
    one = slice(band - 1, band)
    return raster._replace(array=raster.array[band - 1], names=raster.names[one], band_tags=raster.band_tags[one])


def write_geotiff(path: str | os.PathLike[str], array: NDArray[Any], geobox: GeoBox, **options: Any) -> None:
    """Write (rows, cols) or (bands, rows, cols) as a compressed GeoTIFF, whole or not at all.

    Parameters
    ----------
    path
        File to write; its folder is created.
    array, geobox, **options
        As :func:`geotiff_bytes` takes them.

    Raises
    ------
    ValueError
        If the shapes of array and geobox differ.
    OSError
        If the file cannot be written; no part of it remains.
    """
    content = geotiff_bytes(Path(path).name, array, geobox, **options)
    # Not by GDAL, which reports a full disk in its log only.
    with atomic_path(path) as partial:
        partial.write_bytes(content)


def geotiff_bytes(
    name: str,
    array: NDArray[Any],
    geobox: GeoBox,
    *,
    tags: Mapping[str, str] | None = None,
    nodata: float | None = None,
    scale: float | None = None,
    names: tuple[str, ...] = (),
    band_tags: Sequence[Mapping[str, str]] = (),
    overviews: str | None = None,
) -> bytes:
    """A GeoTIFF of (rows, cols) or (bands, rows, cols), compressed unless complex.

    Parameters
    ----------
    name
        Of the file, for messages.
    array
        Real, complex or integer pixels.
    geobox
        Grid of the pixels, of the array's shape.
    tags
        Metadata to store.
    nodata
        No-data value. Floats without one use NaN.
    scale
        Value of one unit of integers, for readers that apply it.
    names
        A description for each band.
    band_tags
        Metadata for each band.
    overviews : {"average", "nearest", "mode"}, optional
        Resampling of the overviews of a tiled, cloud-optimised GeoTIFF.

    Raises
    ------
    ValueError
        If the shapes of array and geobox differ.
    OSError
        If GDAL cannot write it.
    """
    bands = array if array.ndim == 3 else array[None]
    if bands.shape[1:] != geobox.shape:
        raise ValueError(f"array must have the geobox's shape {geobox.shape}, got {array.shape}")
    if nodata is None and bands.dtype.kind == "f":
        nodata = float("nan")
    cog = overviews is not None
    profile: dict[str, Any] = {
        "driver": "COG" if cog else "GTiff",
        "count": len(bands),
        "height": geobox.shape[0],
        "width": geobox.shape[1],
        "dtype": bands.dtype,
        "crs": geobox.crs,
        "transform": geobox.affine,
        "nodata": nodata,
    }
    profile |= (_cog_packing if cog else _strip_packing)(bands, is_levels=scale is not None)
    if overviews is not None:
        # GDAL's default, cubic, creates invalid codes and refuses complex numbers.
        profile["overview_resampling"] = overviews.upper()
    with _plain_errors(name, OSError), gdal_environment(), rasterio.MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.write(bands)
            if scale is not None:
                target.scales = (scale,) * len(bands)
            target.update_tags(**(tags or {}))
            for band, text in enumerate(names, start=1):
                target.set_band_description(band, text)
            for band, facts in enumerate(band_tags, start=1):
                target.update_tags(band, **facts)
        return bytes(memory.getbuffer())


def _strip_packing(bands: NDArray[Any], *, is_levels: bool) -> dict[str, Any]:
    """Strips and compression of a GeoTIFF of (bands, rows, cols)."""
    rows, kind = bands.shape[1], bands.dtype.kind
    strips = {"blockysize": max(1, min(_STRIP_ROWS, _STRIP_BYTES * rows // bands.nbytes, rows))}
    if kind == "c":
        # Compression saves a twentieth of the bytes, and takes longer than computing them.
        return strips
    # Measurements have no repetitions: more effort takes longer and compresses no better.
    level = {"zlevel": 1} if kind == "f" or is_levels else {}
    # The floating point predictor makes smooth coherence compressible; levels of neighbours are often equal without.
    predictor = {"predictor": 3 if kind == "f" else 2} if kind in "fiu" and not is_levels else {}
    return {**strips, "compress": "DEFLATE", **level, **predictor}


def _cog_packing(bands: NDArray[Any], *, is_levels: bool) -> dict[str, Any]:
    """Compression of a Cloud Optimized GeoTIFF, as of other ones."""
    kind = bands.dtype.kind
    level = {"level": 1} if kind in "fc" or is_levels else {}
    predictor = {"predictor": "YES"} if kind in "fiu" and not is_levels else {}
    return {"compress": "DEFLATE", **level, **predictor}


@contextmanager
def open_raster(path: str | os.PathLike[str] | Any, *, driver: str | None = None) -> Iterator[Any]:
    """Open a raster for reading; errors inside the block name the file.

    A dataset of ``osgeo.gdal``, or the one of a band, is opened anew by rasterio. A raster on a server must be a
    GeoTIFF: the other formats are made of several files.
    """
    if is_gdal(path):
        with opened_path(path) as file, open_raster(file, driver=driver) as source:
            yield source
        return
    place = file_at(path)
    if isinstance(place, RemoteFile):
        with _opened_remote(place) as source:
            yield source
        return
    if "\0" in os.fspath(path):
        raise ValueError(f"path must be the name of a file, got {os.fspath(path)!r}")
    # GDAL's own names begin so, such as that of a file inside a zip.
    if not os.fspath(path).startswith("/vsi") and not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {os.fspath(path)}")
    with _plain_errors(path, ValueError), warnings.catch_warnings():
        # The caller judges a file without a map grid; geobox_of returns None for it.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # One environment of GDAL for all that follows; rasterio would enter another one for each call.
        with gdal_environment(), _Complaints() as complaints, rasterio.open(path, driver=driver) as source:
            if complaints.of_loss:
                raise ValueError(f"{Path(path).name} cannot be read as a raster: {complaints.of_loss[0]}")
            _check_blocks(source, Path(path).name)
            require_full_size(source, path)
            yield source


@contextmanager
def _opened_remote(file: RemoteFile) -> Iterator[Any]:
    if file.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"{file} must be a GeoTIFF (.tif), as rasters of other formats are made of several files")
    opener = GdalOpener(ranged_file(file))
    try:
        with _plain_errors(file, ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with _Complaints() as complaints, rasterio.open(opener.name, driver=GEOTIFF, opener=opener) as source:
                if complaints.of_loss:
                    raise ValueError(f"{file.name} cannot be read as a raster: {complaints.of_loss[0]}")
                _check_blocks(source, file.name)
                yield source
    except ValueError as error:
        # GDAL has its own words for a server that fails.
        raise opener.fault or error from None
    if opener.fault:
        raise opener.fault


def files_of(path: str | os.PathLike[str]) -> tuple[AnyFile, ...]:
    """Files of a raster: itself first, then its headers and the sources of a VRT.

    Of a raster on a server, itself alone. Sources on a server, missing files and overviews, which change no pixel, are
    left out. A sidecar (``.aux.xml``) is included if it holds more than the statistics that viewers leave in it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no raster.
    """
    place = file_at(path)
    if isinstance(place, RemoteFile):
        return (place,)
    found = {place: None}
    waiting = list(found)
    while waiting:
        with open_raster(waiting.pop()) as source:
            named = [Path(name) for name in source.files if os.path.isfile(name) and _has_a_say(name)]
        # GDAL names the sources of a VRT, but not the sources of those that are VRTs.
        waiting += [name for name in named if name not in found and name.suffix.lower() == ".vrt"]
        found |= dict.fromkeys(named)
    first, *others = found
    return first, *sorted(others)


def geobox_of(source: Any) -> GeoBox | None:
    """Grid of an open raster, None if it has no transform or no coordinate reference system."""
    if source.crs is None or source.transform.is_identity:
        return None
    return GeoBox(source.shape, source.transform, _crs_name(source.crs.to_wkt()))


@lru_cache(maxsize=256)
def _crs_name(wkt: str) -> str:
    """Code of a coordinate reference system if it has one: a search in PROJ's database, the same for most files."""
    code = rasterio.CRS.from_wkt(wkt).to_epsg(confidence_threshold=100)
    return f"EPSG:{code}" if code else wkt


def read_window(
    path: str | os.PathLike[str] | Any,
    band: int,
    rows: slice,
    cols: slice,
    *,
    driver: str | None = None,
    nodata: float | None = None,
    is_scaled: bool = False,
) -> NDArray[Any]:
    """Read the pixels ``[rows, cols]`` of one band with no data as NaN.

    Parameters
    ----------
    path : path, or Dataset of osgeo.gdal
    band : int
        From 1.
    rows, cols : slice
        Inside the raster, with step 1.
    driver : str, optional
        GDAL's name of the only allowed format; by default any.
    nodata : float, optional
        No-data value, in addition to the file's own.
    is_scaled : bool
        Whether to apply the band's scale and offset, after no-data values are replaced.

    Notes
    -----
    No data are the file's no-data value, its mask or alpha band, and those in a sidecar; see
    :func:`m3leo_sar.io.files.no_data.masked_pixels` for VRTs. Integers have no NaN and are unchanged.
    """
    if is_gdal(path):
        with opened_path(path) as file:
            return read_window(file, band, rows, cols, driver=driver, nodata=nodata, is_scaled=is_scaled)
    part = RasterWindow(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
    with open_raster(path, driver=driver) as source:
        array = as_valid(source.read(band, window=part), source.nodatavals[band - 1])
        array = as_valid(array, nodata)
        hide(array, masked_pixels(source, path, band, part))
        scale, offset = source.scales[band - 1], source.offsets[band - 1]
    if is_scaled and (scale, offset) != (1.0, 0.0):
        array = array * array.dtype.type(scale) + array.dtype.type(offset)
    return array


def _has_a_say(name: str) -> bool:
    """Whether a file beside a raster changes its pixels or their grid."""
    if not name.endswith(".aux.xml"):
        return not name.endswith(_BESIDE)
    with open(name, "rb") as stream:
        text = stream.read(limits.LARGEST_TEXT)
    return any(word in text for word in _SIDECAR)


class _Complaints(logging.Handler):
    """GDAL's log of this thread: a truncated tag costs a chip the names of its bands, not its pixels."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.of_loss: list[str] = []
        self._thread, self._log = threading.get_ident(), logging.getLogger("rasterio._env")

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and "IO error during reading" in record.getMessage():
            self.of_loss.append(record.getMessage())

    def __enter__(self) -> _Complaints:
        self._log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)


def _itemsize(source: Any) -> int:
    """Bytes per pixel of the widest band, as read."""
    return max(np.dtype("complex64" if name == "complex_int16" else name).itemsize for name in source.dtypes)


def _check_blocks(source: Any, name: str) -> None:
    """Refuse a raster whose smallest readable part is too large."""
    bands = source.count if source.interleaving == rasterio.enums.Interleaving.pixel else 1
    for rows, cols in set(source.block_shapes):
        limits.require_array(f"a block of {name}", (bands, rows, cols), _itemsize(source), limits.LARGEST_CHIP)


@contextmanager
def _plain_errors(path: str | os.PathLike[str], kind: type[Exception]) -> Iterator[None]:
    cannot = f"{Path(path).name} cannot be {'written' if kind is OSError else 'read as a raster'}"
    try:
        yield
    except RasterioError as error:
        detail = str(error.__cause__ or error).strip()
        if _RAW_SETTING in detail:
            detail += f"; place its raw files beside it, or set {_RAW_SETTING}=ALL in the environment if you trust it"
        raise kind(f"{cannot}: {detail}") from error
    except UnicodeDecodeError as error:
        # A complaint of GDAL that quotes bytes of the file, which rasterio reads as text.
        raise kind(f"{cannot}: it holds bytes that are no text where GDAL expects some") from error
