"""Our own container of an SLC stack: a Zarr v3 group with one group per date (docs/formats.md)."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from affine import Affine
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import PARTIAL, atomic_path, remove_stale
from m3leo_sar.io.files.zarr_metadata import require_safe_store
from m3leo_sar.io.stacks.same_grid import is_same_grid
from m3leo_sar.stack.geometry import Geometry, OrbitGeometry, RadarGeometry, StoredRadarGeometry, band_extents
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.slc import SlcStack

FORMAT = "m3leo_sar slc stack"
VERSION = 1
#: Chunk size along each axis in pixels: a 448-pixel tile with its halo touches four chunks.
CHUNK = 512
#: Columns of an orbit table.
_VECTORS = ("time", "position", "velocity")
_LAYERS = ("latitude", "longitude", "height", "incidence")
#: Name of the block bounds of these layers.
_EXTENTS = "extents"
#: Maximum size of layers kept in memory, bytes; larger ones are read around each tile.
_HELD_BYTES = 64 << 20
#: What zarr raises on damaged stores.
_FAULTS = (
    OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError, OverflowError, MemoryError
)  # fmt: skip


def write_stack(
    stack: SlcStack,
    path: str | os.PathLike[str],
    *,
    labels: Mapping[str, tuple[NDArray[Any], GeoBox]] | None = None,
    progress: Callable[[datetime.date], None] | None = None,
) -> list[datetime.date]:
    """Write a stack, or add its dates to an existing one; returns the dates written.

    Each date is written completely or not at all, so an interrupted run leaves a stack of the completed dates and the
    next run writes the rest.

    Raises
    ------
    ValueError
        If ``path`` contains another kind of file, or a stack on another grid or of another polarisation.
    OSError
        If the folder is not writable.
    """
    folder = Path(path)
    facts = _facts(stack)
    if folder.exists():
        _require_same(_open(folder), facts, folder)
        remove_stale(folder)
    else:
        _create(folder, stack, facts)
    for name, (array, geobox) in (labels or {}).items():
        if not (folder / f"label-{name}").exists():
            _write_group(folder / f"label-{name}", {"label": array}, _grid_facts(geobox))
    written = []
    for index, date in enumerate(stack.dates):
        if not (folder / f"{date:%Y%m%d}").exists():
            _write_date(folder, stack, index)
            written.append(date)
        if progress:
            progress(date)
    return written


def read_stack(path: str | os.PathLike[str]) -> SlcStack:
    """Open a stack; pixels are read when a window is requested.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is not a stack in our container, is of a later version, has no date, or a date is damaged.
    """
    folder = Path(path)
    facts = _attributes(_open(folder))
    dates = _dates(folder)
    if not dates:
        raise ValueError(f"{folder} holds no finished date")
    with _plain_errors(folder):
        geometry = _geometry(folder, facts)
        if list(facts["shape"]) != list(geometry.shape):
            raise ValueError(f"its shape is {facts['shape']}, that of its geometry {list(geometry.shape)}")
        return SlcStack(
            dates=tuple(dates),
            read=partial(_read_slc, folder, tuple(dates), geometry.shape),
            geometry=geometry,
            polarisation=facts["polarisation"],
            dtype=facts["dtype"],
            orbit=facts.get("orbit"),
            track=facts.get("track"),
            wavelength=facts.get("wavelength"),
            times=_times(folder, dates),
            name=str(folder),
        )


def read_labels(path: str | os.PathLike[str]) -> dict[str, tuple[NDArray[Any], GeoBox]]:
    """Label rasters of a stack by name, each with its grid; none if the stack has none.

    Raises
    ------
    ValueError
        If one is damaged.
    """
    folder, labels = Path(path), {}
    require_safe_store(folder, skip=PARTIAL)
    for entry in sorted(path for path in folder.glob("label-*") if PARTIAL not in path.name):
        with _plain_errors(entry):
            group, name = _open_group(entry), entry.name.removeprefix("label-")
            array, box = _whole(group, "label"), _geobox(_attributes(group))
            if array.shape != box.shape:
                raise ValueError(f"it has shape {array.shape}, its grid {box.shape}")
            labels[name] = (array, box)
    return labels


def is_stack(path: str | os.PathLike[str]) -> bool:
    """Whether a folder looks like one of our stacks."""
    folder = Path(path)
    return (folder / "zarr.json").is_file() and "format" in _open_group(folder).attrs


def _create(folder: Path, stack: SlcStack, facts: dict[str, Any]) -> None:
    with atomic_path(folder) as partial:
        zarr.create_group(partial, attributes=facts)
        if isinstance(stack.geometry, RadarGeometry | StoredRadarGeometry):
            _write_positions(partial / "geometry", stack.geometry)
        if isinstance(stack.geometry, OrbitGeometry):
            place = stack.geometry
            vectors = {name: getattr(place.orbit, name) for name in _VECTORS}
            facts = {"radar_grid": asdict(place.radar_grid), **_grid_facts(place.dem_geobox)}
            _fill_group(partial / "geometry", {**vectors, "dem": place.dem}, facts)


def _write_date(folder: Path, stack: SlcStack, index: int) -> None:
    date = stack.dates[index]
    with atomic_path(folder / f"{date:%Y%m%d}") as partial:
        attributes = {"date": date.isoformat()}
        if stack.times is not None:
            attributes["time"] = stack.times[index].isoformat()
        group = zarr.create_group(partial, attributes=attributes)
        array = group.create_array(
            "slc",
            shape=stack.shape[1:],
            chunks=_chunks(stack.shape[1:]),
            dtype=stack.dtype,
            # Speckle is noise to a compressor: it saves a twelfth of the bytes but more than doubles the read time.
            compressors=[Crc32cCodec()],
            fill_value=complex("nan+nanj"),
            dimension_names=("y", "x"),
        )
        # One band of chunks at a time, so that only one band of one date is in memory.
        for first in range(0, stack.shape[1], CHUNK):
            rows = slice(first, min(first + CHUNK, stack.shape[1]))
            array[rows] = stack.window(rows, slice(None), dates=[date])[0]


def _write_group(path: Path, arrays: Mapping[str, NDArray[Any]], attributes: dict[str, Any]) -> None:
    with atomic_path(path) as partial:
        _fill_group(partial, arrays, attributes)


def _fill_group(path: Path, arrays: Mapping[str, NDArray[Any]], attributes: dict[str, Any]) -> None:
    group = zarr.create_group(path, attributes=attributes)
    for name, array in arrays.items():
        group.create_array(name, data=array, chunks=_chunks(array.shape), dimension_names=_dimensions(name, array))


def _dimensions(name: str, array: NDArray[Any]) -> tuple[str, ...]:
    """Dimension names of an array, which xarray requires; every array except a raster has its own."""
    if name in ("label", "dem"):
        return ("y", "x")
    return tuple(f"{name}_{axis}" for axis in range(array.ndim))


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(CHUNK, size) for size in shape)


def _facts(stack: SlcStack) -> dict[str, Any]:
    facts = {"format": FORMAT, "version": VERSION, "polarisation": stack.polarisation, "dtype": stack.dtype}
    facts |= {"orbit": stack.orbit, "track": stack.track, "wavelength": stack.wavelength}
    facts |= {"shape": list(stack.shape[1:])}
    return facts | (_grid_facts(stack.geometry) if isinstance(stack.geometry, GeoBox) else {})


def _grid_facts(geobox: GeoBox) -> dict[str, Any]:
    return {"crs": geobox.crs, "affine": list(tuple(geobox.affine)[:6]), "shape": list(geobox.shape)}


def _geobox(facts: Mapping[str, Any]) -> GeoBox:
    return GeoBox(tuple(facts["shape"]), Affine(*facts["affine"]), facts["crs"])


def _geometry(folder: Path, facts: Mapping[str, Any]) -> Geometry:
    if "affine" in facts:
        return _geobox(facts)
    group = _open_group(folder / "geometry")
    if "radar_grid" in group.attrs:
        attributes = _attributes(group)
        orbit = Orbit(*(_whole(group, name) for name in _VECTORS))
        return OrbitGeometry(orbit, RadarGrid(**attributes["radar_grid"]), _whole(group, "dem"), _geobox(attributes))
    layers = {name: _array(group, name) for name in _LAYERS if name in group}
    held = sum(prod(layer.shape) * layer.dtype.itemsize for layer in layers.values())
    if held <= _HELD_BYTES or _EXTENTS not in group:
        return RadarGeometry(**{name: _whole(group, name) for name in layers})
    shape = layers["latitude"].shape
    if any(layer.shape != shape for layer in layers.values()) or len(shape) != 2:
        shapes = ", ".join(f"{name} {layer.shape}" for name, layer in layers.items())
        raise ValueError(f"its layers must have one shape of rows and columns, got {shapes}")
    return StoredRadarGeometry(
        shape=(shape[0], shape[1]),
        read=partial(_read_positions, folder / "geometry"),
        block=CHUNK,
        extents=_whole(group, _EXTENTS),
    )


def _write_positions(path: Path, geometry: RadarGeometry | StoredRadarGeometry) -> None:
    """Write layers and their block bounds band by band, as the layers may themselves be on disk."""
    first = geometry.crop(slice(0, 1), slice(None))
    names = [name for name in _LAYERS if getattr(first, name) is not None]
    group = zarr.create_group(path)
    shape, axes = geometry.shape, ("y", "x")
    arrays = {
        name: group.create_array(name, shape=shape, chunks=_chunks(shape), dtype="f8", dimension_names=axes)
        for name in names
    }
    extents = []
    for row in range(0, geometry.shape[0], CHUNK):
        # One more row, as cells of four pixels extend over the edge of a block.
        band = geometry.crop(slice(row, row + CHUNK + 1), slice(None))
        extents.append(band_extents(band, CHUNK))
        for name in names:
            arrays[name][row : row + CHUNK] = getattr(band, name)[:CHUNK]
    bounds = np.array(extents, np.float64)
    group.create_array(_EXTENTS, data=bounds, dimension_names=_dimensions(_EXTENTS, bounds))


def _read_positions(path: Path, rows: slice, cols: slice, *, every: bool = False) -> RadarGeometry:
    size = (rows.stop - rows.start, cols.stop - cols.start)
    with _plain_errors(path):
        group = _open_group(path)
        layers = [name for name in (_LAYERS if every else _LAYERS[:2]) if name in group]
        limits.require_array(f"a part of {', '.join(layers)}", (len(layers), *size), 8, limits.LARGEST_RASTER)
        return RadarGeometry(**{name: _array(group, name)[rows, cols] for name in layers})


def _dates(folder: Path) -> list[datetime.date]:
    # Other scripts have digits too, which are not valid in our names.
    return sorted(parse_date(entry.name) for entry in folder.iterdir() if re.fullmatch("[0-9]{8}", entry.name))


def _times(folder: Path, dates: list[datetime.date]) -> tuple[datetime.datetime, ...] | None:
    """Acquisition times, if every date has one."""
    found = [_open_group(folder / f"{date:%Y%m%d}").attrs.get("time") for date in dates]
    times = [datetime.datetime.fromisoformat(text) for text in found if isinstance(text, str)]
    return tuple(times) if len(times) == len(dates) else None


def _open(folder: Path) -> zarr.Group:
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}")
    group = _open_group(folder)
    if group.attrs.get("format") != FORMAT:
        raise ValueError(f"{folder} is not an SLC stack of this library (its attribute 'format' is not {FORMAT!r})")
    stored = _attributes(group).get("version")
    if not isinstance(stored, int) or stored > VERSION:
        raise ValueError(f"{folder} has version {stored}; this library reads up to {VERSION}")
    require_safe_store(folder, skip=PARTIAL)
    return group


def _open_group(folder: Path) -> zarr.Group:
    try:
        return zarr.open_group(folder, mode="r", zarr_format=3)
    except _FAULTS as error:
        raise ValueError(f"{folder} is not a Zarr group: {error}") from error


def _attributes(group: zarr.Group) -> dict[str, Any]:
    return dict(group.attrs)


def _array(group: zarr.Group, name: str) -> Any:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{name} must be an array, it is a group")
    return array


def _whole(group: zarr.Group, name: str) -> NDArray[Any]:
    array = _array(group, name)
    limits.require_array(name, array.shape, array.dtype.itemsize, limits.LARGEST_RASTER)
    return np.asarray(array[...])


def _require_same(group: zarr.Group, facts: dict[str, Any], folder: Path) -> None:
    for name in ("polarisation", "dtype", "shape", "crs", "affine"):
        is_map = name == "affine" and "affine" in facts and "affine" in group.attrs
        if is_map and is_same_grid(_geobox(_attributes(group)), _geobox(facts)):
            continue
        if group.attrs.get(name) != facts.get(name):
            raise ValueError(f"{folder} has {name} {group.attrs.get(name)}, the stack to add has {facts.get(name)}")


def _read_slc(
    folder: Path, dates: tuple[datetime.date, ...], shape: tuple[int, int], index: int, rows: slice, cols: slice
) -> NDArray[np.complexfloating]:
    place = folder / f"{dates[index]:%Y%m%d}"
    with _plain_errors(place):
        array = zarr.open_array(place / "slc", mode="r", zarr_format=3)
        if array.shape != shape or array.dtype.kind != "c":
            raise ValueError(f"it has shape {array.shape} and {array.dtype}, expected complex numbers of {shape}")
        return np.asarray(array[rows, cols])


@contextmanager
def _plain_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        raise ValueError(f"{place} cannot be read: {error}") from error
