"""Geometry of a stack in our container: a map grid, positions per pixel, or orbit and terrain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar.grid.annotated_timing import AnnotatedTiming
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.zarr_products import read_array
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.zarr_group import (
    CHUNK,
    array_of,
    attributes_of,
    chunks_of,
    dimension_names_of,
    fill_group,
    geobox_of_facts,
    grid_facts,
    open_group,
    plain_errors,
    whole_array,
)  # fmt: skip
from m3leo_sar.stack.geometry import Geometry, OrbitGeometry, RadarGeometry, StoredRadarGeometry, band_extents

if TYPE_CHECKING:
    import zarr

#: Columns of an orbit table.
_VECTORS = ("time", "position", "velocity")
_LAYERS = ("latitude", "longitude", "height", "incidence")
#: Name of the block bounds of these layers.
_EXTENTS = "extents"
#: Maximum size of layers kept in memory, bytes; larger ones are read around each tile.
_HELD_BYTES = 64 << 20


def write_geometry(folder: Path, geometry: Geometry) -> None:
    """Write the group ``geometry`` of a stack in radar geometry; a map grid is in the root's attributes."""
    if isinstance(geometry, RadarGeometry | StoredRadarGeometry):
        _write_positions(folder / "geometry", geometry)
    if isinstance(geometry, OrbitGeometry):
        vectors = {name: getattr(geometry.orbit, name) for name in _VECTORS}
        facts = {"radar_grid": asdict(geometry.radar_grid), **grid_facts(geometry.dem_geobox)}
        facts |= {} if geometry.timing is None else {"timing": geometry.timing.facts()}
        fill_group(folder / "geometry", {**vectors, "dem": geometry.dem}, facts)


def read_geometry(folder: AnyFile, facts: Mapping[str, Any]) -> Geometry:
    """Geometry of a stack from its root's attributes and its group ``geometry``."""
    if "affine" in facts:
        return geobox_of_facts(facts)
    group = open_group(folder / "geometry")
    if "radar_grid" in group.attrs:
        attributes = attributes_of(group)
        orbit, radar_grid = read_acquisition(group)
        dem = whole_array(group, "dem")
        stated = attributes.get("timing")
        timing = None if stated is None else AnnotatedTiming.of_facts(stated)
        return OrbitGeometry(orbit, radar_grid, dem, geobox_of_facts(attributes), timing=timing)
    layers = {name: array_of(group, name) for name in _LAYERS if name in group}
    held = sum(prod(layer.shape) * layer.dtype.itemsize for layer in layers.values())
    if held <= _HELD_BYTES or _EXTENTS not in group:
        return RadarGeometry(**{name: whole_array(group, name) for name in layers})
    shape = layers["latitude"].shape
    if any(layer.shape != shape for layer in layers.values()) or len(shape) != 2:
        shapes = ", ".join(f"{name} {layer.shape}" for name, layer in layers.items())
        raise ValueError(f"its layers must have one shape of rows and columns, got {shapes}")
    return StoredRadarGeometry(
        shape=(shape[0], shape[1]),
        read=partial(_read_positions, folder / "geometry"),
        block=CHUNK,
        extents=whole_array(group, _EXTENTS),
    )


def read_acquisition(group: zarr.Group) -> tuple[Orbit, RadarGrid]:
    """Orbit and grid of a group ``geometry`` of a stack with terrain."""
    orbit = Orbit(*(whole_array(group, name) for name in _VECTORS))
    return orbit, RadarGrid(**attributes_of(group)["radar_grid"])


def _write_positions(path: Path, geometry: RadarGeometry | StoredRadarGeometry) -> None:
    """Write layers and their block bounds band by band, as the layers may themselves be on disk."""
    first = geometry.crop(slice(0, 1), slice(None))
    names = [name for name in _LAYERS if getattr(first, name) is not None]
    import zarr

    group = zarr.create_group(path)
    shape, axes = geometry.shape, ("y", "x")
    arrays = {
        name: group.create_array(name, shape=shape, chunks=chunks_of(shape), dtype="f8", dimension_names=axes)
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
    group.create_array(_EXTENTS, data=bounds, dimension_names=dimension_names_of(_EXTENTS, bounds))


def _read_positions(path: AnyFile, rows: slice, cols: slice, *, every: bool = False) -> RadarGeometry:
    size = (rows.stop - rows.start, cols.stop - cols.start)
    with plain_errors(path):
        group = open_group(path)
        layers = [name for name in (_LAYERS if every else _LAYERS[:2]) if name in group]
        limits.require_array(f"a part of {', '.join(layers)}", (len(layers), *size), 8, limits.LARGEST_RASTER)
        return RadarGeometry(**{name: read_array(array_of(group, name), (rows, cols)) for name in layers})
