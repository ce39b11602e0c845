"""A stack from complex rasters, one file per date: GeoTIFF, VRT, ENVI or any other format that GDAL reads."""

from __future__ import annotations

import datetime
import itertools
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.joint_grid import is_same_grid, joint_grid
from m3leo_sar.io.files.complex_parts import require_no_raster_parts
from m3leo_sar.io.files.gdal_dataset import band_of, is_gdal, path_in_file
from m3leo_sar.io.files.raster import files_of, geobox_of, open_raster, read_window
from m3leo_sar.io.remote.remote_address import AnyFile, file_at
from m3leo_sar.io.stacks.acquisition_name import (
    POLARISATIONS,
    RASTER_SUFFIXES,
    compressed_text,
    date_in_name,
    is_compressed,
    polarisation_in_name,
)
from m3leo_sar.io.stacks.near_miss import SAMPLE, look_of_values
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, mesh_of_points
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.io.stacks.unknown_positions import unknown_positions
from m3leo_sar.io.stacks.zero_lines import ZeroLines
from m3leo_sar.stack.frame_join import join_frames
from m3leo_sar.stack.geometry import Geometry, OrbitGeometry, RadarGeometry
from m3leo_sar.stack.slc import SlcStack

#: GDAL's complex types and the returned types.
_DTYPES = {"complex64": "complex64", "complex128": "complex128", "complex_int16": "complex64"}
#: Tags that specify the polarisation of one band or of all bands.
_TAGS = ("POLARISATION", "POLARIZATION", "POLARIMETRIC_INTERP")


class RasterImage(NamedTuple):
    """One file of a stack, and the band to read."""

    path: AnyFile
    date: datetime.date
    band: int
    shape: tuple[int, int]
    dtype: str
    geobox: GeoBox | None


class _File(NamedTuple):
    """Metadata of a file: its bands by polarisation, None where it is not specified."""

    path: AnyFile
    bands: dict[str | None, int]
    shape: tuple[int, int]
    dtype: str
    geobox: GeoBox | None


def read_raster_stack(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Any],
    *,
    polarisation: str | None = None,
    dates: Sequence[datetime.date] | None = None,
    geometry: RadarGeometry | OrbitGeometry | None = None,
    nodata: float | None = None,
    **facts: object,
) -> SlcStack:
    """Open complex rasters as a stack; pixels are read when a window is requested.

    Parameters
    ----------
    source
        A folder, or the files: one per date; for several polarisations, one per date and polarisation, or one band per
        polarisation. A file may be given as a Dataset of osgeo.gdal that lies in it.
    polarisation : str, optional
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``; needed when there are several. A file states its own in its name
        (``20230301_vv.tif``), a tag or its band descriptions; otherwise it is assumed to be the one specified here, or
        VV.
    dates : sequence of datetime.date, optional
        Date of each file; by default the day in its name, such as 20230301, 2023-03-01 or 01Mar2023.
    geometry : RadarGeometry or OrbitGeometry, optional
        For files in radar geometry, which carry no map grid.
    nodata : float, optional
        No-data value, in addition to the one specified by a file; 0 for files filled with zeros.
    **facts
        ``orbit``, ``track``, ``wavelength`` of the stack.

    Returns
    -------
    SlcStack
        complex64 or complex128. complex_int16 is converted to complex64 of the same values, and the scale and offset of
        a file are applied. No data becomes NaN: the no-data value of a file or its sidecar, masked pixels, pixels that
        no source of a VRT covers, and ``nodata``. Otherwise zero is a value.

    Warns
    -----
    UserWarning
        If entire lines are exactly zero while zero is a value, or files of compressed SLCs are skipped.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    ValueError
        If a file is damaged, shorter than stated in its header, not complex, of another shape or grid than the first,
        has no date or the dates of two images in its name, or has neither a map grid nor a geometry; if a date occurs
        twice, or the polarisation is not specified, not available or not stated by any of several bands.
    """
    images, chosen = choose_images(source, polarisation=polarisation, dates=dates)
    return _stack(images, chosen, geometry, nodata, facts)


def _stack(
    images: list[RasterImage],
    polarisation: str,
    geometry: Geometry | None,
    nodata: float | None,
    facts: Mapping[str, object],
) -> SlcStack:
    parts = _slices(images)
    if geometry is None and len(parts) > 1:
        joined = [_stack(part, polarisation, None, nodata, facts) for part in parts]
        return join_frames(joined, name=str(images[0].path.parent))
    first = images[0]
    place = geometry or first.geobox
    if place is None:
        raise ValueError(f"{first.path.name} has no map grid; {HOW_TO_STATE}")
    if place.shape != first.shape:
        raise ValueError(f"geometry must have the shape of the images, {first.shape}, got {place.shape}")
    return SlcStack(
        dates=tuple(image.date for image in images),
        read=partial(_pixels, tuple(images), nodata, ZeroLines()),
        geometry=place,
        polarisation=polarisation,
        dtype=first.dtype,
        name=str(first.path.parent),
        **facts,  # type: ignore[arg-type]
    )


def open_rasters(products: Sequence[Product], choice: Choice) -> OpenedStack:
    """Open complex rasters, one file per date, or per date and polarisation, as the table of readers does.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_raster_stack`.
    """
    refuse_choice(choice, ("frequency",), "a folder of rasters")
    if not any(product.burst for product in products):
        refuse_choice(choice, ("burst",), "a folder of rasters")
    # A date that a list or a table states is meant, whatever the name.
    undated = [product.path for product in products if product.date is None]
    left = set(undated) - set(leave_out_compressed(undated))
    kept = [product._replace(path=product.path.absolute()) for product in products if product.path not in left]
    if not kept:
        raise FileNotFoundError(
            f"no raster ({', '.join(RASTER_SUFFIXES)}) of an acquisition in {products[0].path.parent}"
        )
    files = [_inspect(product.path, product.polarisation) for product in kept]
    stated = {product.polarisation for product in kept if product.polarisation}
    wanted = choice.polarisation or (next(iter(stated)) if len(stated) == 1 else None)
    images, chosen = _choose(files, [product.date for product in kept], wanted)
    facts = {name: value for name in ("orbit", "track") if (value := _common(kept, name)) is not None}
    named = {image.path: image.date for image in images}
    place = choice.geometry
    if place is None and images[0].geobox is None:
        place = choice.beside or _control_points(images[0])
        if place is None and not choice.needs_positions:
            place = unknown_positions(images[0].shape)
    return OpenedStack(
        stack=_stack(images, chosen, place, choice.nodata, facts),
        products=tuple(one._replace(date=named[one.path]) for one in kept if one.path in named),
        files=lambda: _files(images),
        chosen=replace(choice, polarisation=chosen),
        polarisations=tuple(sorted({name for file in files for name in file.bands if name is not None})) or (chosen,),
    )


def _files(images: Sequence[RasterImage]) -> dict[str, tuple[AnyFile, ...]]:
    found: dict[str, tuple[AnyFile, ...]] = {}
    for image in images:
        found[f"{image.date:%Y%m%d}"] = (*found.get(f"{image.date:%Y%m%d}", ()), *files_of(image.path))
    return found


def _control_points(image: RasterImage) -> Geometry | None:
    """Positions from the ground control points of a file, None if it has none."""
    with open_raster(image.path) as source:
        points, crs = source.gcps
    if not points:
        return None
    if crs is None or not crs.is_geographic:
        raise ValueError(f"{image.path.name}: ground control points must be in degrees, got the CRS {crs}")
    return mesh_of_points(image.shape, [(point.row, point.col, point.y, point.x) for point in points], image.path.name)


def _common(products: Sequence[Product], name: str) -> Any:
    found = {getattr(product, name) for product in products}
    if len(found) > 1:
        raise ValueError(f"{name} must be the same for all products, got {', '.join(sorted(map(str, found)))}")
    return found.pop()


def _pixels(
    images: tuple[RasterImage, ...], nodata: float | None, zeros: ZeroLines, index: int, rows: slice, cols: slice
) -> NDArray[np.complexfloating]:
    image = images[index]
    pixels = read_window(image.path, image.band, rows, cols, nodata=nodata, is_scaled=True)
    if nodata != 0:
        zeros.look(pixels, rows, image.path.name, width=image.shape[1])
    return pixels.astype(image.dtype, copy=False)


def choose_images(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Any],
    *,
    polarisation: str | None = None,
    dates: Sequence[datetime.date] | None = None,
) -> tuple[list[RasterImage], str]:
    """Files and bands of one polarisation in order of date, and that polarisation.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_raster_stack`.
    """
    paths = raster_paths(source)
    if dates is not None and len(dates) != len(paths):
        raise ValueError(f"dates must hold one date for each of the {len(paths)} files, got {len(dates)}")
    files = [_inspect(path) for path in paths]
    return _choose(files, dates or [None] * len(files), polarisation)


def _choose(
    files: list[_File], dates: Sequence[datetime.date | None], polarisation: str | None
) -> tuple[list[RasterImage], str]:
    wanted = _wanted(files, polarisation)
    images = []
    for file, date in zip(files, dates, strict=True):
        band = file.bands.get(wanted, file.bands.get(None))
        if band is not None:
            day = date or date_in_name(file.path.name)
            images.append(RasterImage(file.path, day, band, file.shape, file.dtype, file.geobox))
    images.sort(key=lambda image: image.date)
    for part in _slices(images):
        for earlier, later in itertools.pairwise(part):
            if earlier.date == later.date:
                raise ValueError(
                    f"{earlier.path.name} and {later.path.name} are of the same date, {later.date}; keep one"
                )
        _require_one_grid(part)
    return images, wanted


def _slices(images: Sequence[RasterImage]) -> list[list[RasterImage]]:
    """Images by their part of the common grid, where a date consists of several files on different parts of it."""
    joint = joint_grid([image.geobox for image in images])
    if joint is None or len({image.date for image in images}) == len(images):
        return [list(images)]
    parts: dict[Any, list[RasterImage]] = {}
    for image, place in zip(images, joint[1], strict=True):
        parts.setdefault((place, image.shape), []).append(image)
    return list(parts.values())


def raster_paths(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Any]) -> list[AnyFile]:
    """Raster files of a folder except compressed SLCs, which are listed in a warning; or the files given.

    Returns
    -------
    list of Path or RemoteFile
        Sorted for a folder, in their own order if given as files.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If one is a dataset in memory, or a band.
    """
    source = [source] if is_gdal(source) else source
    paths: list[AnyFile] = (
        [*leave_out_compressed(find_rasters(Path(source)))]
        if isinstance(source, str | os.PathLike)
        else [_file_of(path) for path in source]
    )
    if not paths:
        raise FileNotFoundError(f"no raster ({', '.join(RASTER_SUFFIXES)}) in {source}")
    return paths


def _file_of(path: str | os.PathLike[str] | Any) -> AnyFile:
    if not is_gdal(path):
        return file_at(path)
    if band_of(path) is not None:
        raise ValueError("source must hold datasets, got a band; state its polarisation instead")
    return Path(path_in_file(path, "source"))


def find_rasters(place: Path) -> list[Path]:
    """Raster files of a folder, sorted, or a raster file itself; compressed SLCs are among them."""
    inside = sorted(place.iterdir()) if place.is_dir() else [place]
    paths = [path for path in inside if path.suffix.lower() in RASTER_SUFFIXES and path.is_file()]
    # ISCE writes x.slc.vrt, which describes the pixel layout of x.slc, next to it.
    described = {path.with_suffix("") for path in paths if path.suffix.lower() == ".vrt"}
    return [path for path in paths if path not in described]


def leave_out_compressed(paths: list[Path]) -> list[Path]:
    """Files of single acquisitions; compressed SLCs are listed in a warning."""
    left = [path for path in paths if is_compressed(path.name)]
    if left:
        warnings.warn(compressed_text(left), stacklevel=2)
    return [path for path in paths if not is_compressed(path.name)]


def _inspect(path: AnyFile, stated: str | None = None) -> _File:
    """Metadata of a file; ``stated`` is the polarisation that a list states of a file with one band."""
    with open_raster(path) as source:
        complex_bands = [index for index, dtype in enumerate(source.dtypes, start=1) if dtype in _DTYPES]
        if not complex_bands:
            require_no_raster_parts(source, path)
            look = look_of_values(_middle(source), source.nodata)
            raise ValueError(
                f"{path.name} must be a complex raster, got {source.dtypes[0]}{'; ' if look else ''}{look}"
            )
        bands = {_polarisation_of_band(source, index): index for index in reversed(complex_bands)}
        dtype = _DTYPES[source.dtypes[complex_bands[0] - 1]]
        if len(complex_bands) == 1 and None in bands:
            tagged = stated or _named(source.tags()) or polarisation_in_name(path.name)
            bands = {tagged: complex_bands[0]}
        elif None in bands:
            raise ValueError(
                f"{path.name} has {len(complex_bands)} complex bands that do not all name their polarisation; write "
                "it into their descriptions, or keep one band"
            )
        return _File(path, bands, source.shape, dtype, geobox_of(source))


def _middle(source: Any) -> NDArray[Any]:
    """A sample of the first band from the middle of an image."""
    sizes = [min(size, SAMPLE) for size in source.shape]
    row, col = ((whole - size) // 2 for whole, size in zip(source.shape, sizes, strict=True))
    values: NDArray[Any] = source.read(1, window=RasterWindow(col, row, sizes[1], sizes[0]))
    return values


def _polarisation_of_band(source: Any, index: int) -> str | None:
    return _named(source.tags(index)) or polarisation_in_name(source.descriptions[index - 1] or "")


def _named(tags: dict[str, str]) -> str | None:
    found = {value.strip().upper() for key, value in tags.items() if key.upper() in _TAGS}
    return found.pop() if len(found) == 1 and found <= set(POLARISATIONS) else None


def _wanted(files: list[_File], polarisation: str | None) -> str:
    """The polarisation specified, or the only one available."""
    present = sorted({name for file in files for name in file.bands if name is not None})
    if polarisation is None:
        if len(present) > 1:
            raise ValueError(f"polarisation must be given, as there are several: {', '.join(present)}")
        return present[0] if present else "VV"
    wanted = polarisation.upper()
    if not any(wanted in file.bands or None in file.bands for file in files):
        raise ValueError(f"polarisation {wanted} is not there; present: {', '.join(present)}")
    return wanted


def _require_one_grid(images: list[RasterImage]) -> None:
    first = images[0]
    for image in images:
        same = (image.shape, image.dtype) == (first.shape, first.dtype) and is_same_grid(image.geobox, first.geobox)
        if not same:
            raise ValueError(
                f"{image.path.name} is {image.dtype} of shape {image.shape} on {image.geobox}, "
                f"{first.path.name} is {first.dtype} of shape {first.shape} on {first.geobox}"
            )


RASTERS = StackReader(
    name="rasters",
    holds=f"complex rasters ({', '.join(RASTER_SUFFIXES)})",
    expects="a folder of complex GeoTIFF, VRT or ENVI files, one per date with the date in its name",
    find=find_rasters,
    open=open_rasters,
    is_far=True,
)
