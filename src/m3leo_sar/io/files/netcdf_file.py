"""Small netCDF4 files that xarray, GDAL and the readers of M3LEO open, written through HDF5."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import cf_grid_mapping, is_geographic
from m3leo_sar.io.files.atomic import atomic_path

#: Name of the variable with the coordinate reference system.
_MAPPING = "spatial_ref"
#: Axes, values and attributes of each variable by name.
Variables = Mapping[str, tuple[tuple[str, ...], Any, Mapping[str, Any]]]


def write_netcdf(
    path: str | os.PathLike[str],
    groups: Mapping[str, tuple[Mapping[str, Any], Variables]],
    *,
    geobox: GeoBox | None = None,
) -> None:
    """Write groups of variables over coordinates, whole or not at all.

    Parameters
    ----------
    path : path
        File to write; its folder is created.
    groups : mapping of str to (coordinates, variables)
        ``""`` is the root. Coordinates are one-dimensional, text or numbers, and name the axes.
    geobox : GeoBox, optional
        Grid of the chip, written as the CF grid mapping ``spatial_ref`` in the root. Every variable over rows and
        columns refers to it, and their coordinates carry names and units, so that GDAL, xarray and CF tools place the
        pixels.

    Raises
    ------
    OSError
        If it cannot be written; no part of it remains.
    """
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        for name, (coordinates, variables) in groups.items():
            group = file.require_group(name) if name else file
            _write_group(group, coordinates, variables, geobox)
        if geobox is not None:
            file.attrs["Conventions"] = _text("CF-1.8")
            _write_mapping(file, geobox)


def _write_group(group: Any, coordinates: Mapping[str, Any], variables: Variables, geobox: GeoBox | None) -> None:
    places = {} if geobox is None else _axis_attributes(geobox)
    for axis, values in coordinates.items():
        dataset = group.create_dataset(axis, data=_storable(values))
        dataset.make_scale(axis)
        dataset.attrs.update(places.get(axis, {}))
    for variable, (axes, values, attributes) in variables.items():
        dataset = group.create_dataset(
            variable, data=_storable(values), **({"compression": "gzip", "shuffle": True} if axes else {})
        )
        for number, axis in enumerate(axes):
            dataset.dims[number].attach_scale(group[axis])
        dataset.attrs.update(attributes)
        if len(places.keys() & {*axes}) == 2:
            dataset.attrs["grid_mapping"] = _text(_MAPPING)


def _write_mapping(file: Any, geobox: GeoBox) -> None:
    attributes = cf_grid_mapping(geobox.crs)
    mapping = file.create_dataset(_MAPPING, data=0)
    for name, value in attributes.items():
        mapping.attrs[name] = _text(value) if isinstance(value, str) else np.asarray(value, np.float64)
    mapping.attrs["spatial_ref"] = _text(attributes["crs_wkt"])
    # GDAL's order: origin and steps of columns, then of rows.
    a, b, c, d, e, f = [*geobox.affine][:6]
    mapping.attrs["GeoTransform"] = _text(" ".join(f"{number:.17g}" for number in (c, a, b, f, d, e)))


def _axis_attributes(geobox: GeoBox) -> dict[str, dict[str, Any]]:
    """CF attributes of the coordinates by their names."""
    if is_geographic(geobox.crs):
        x, y = ("longitude", "degrees_east", "X"), ("latitude", "degrees_north", "Y")
    else:
        x, y = ("projection_x_coordinate", "m", "X"), ("projection_y_coordinate", "m", "Y")
    words = ("standard_name", "units", "axis")
    along, down = (dict(zip(words, map(_text, facts), strict=True)) for facts in (x, y))
    return {"x": along, "lon": along, "longitude": along, "y": down, "lat": down, "latitude": down}


def _text(value: str) -> Any:
    """A text of fixed length, which every netCDF reader accepts as an attribute."""
    content = value.encode()
    return np.array(content, h5py.string_dtype("utf-8", len(content)))


def axes_of(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the columns and of the rows of a grid whose axes are those of its CRS.

    Raises
    ------
    ValueError
        If the grid is rotated.
    """
    if geobox.affine.b or geobox.affine.d:
        raise ValueError("geobox must have the axes of its CRS, it is rotated")
    x, y = geobox.centres()
    return x[0], y[:, 0]


def _storable(values: Any) -> Any:
    array = np.asarray(values)
    return array.astype(h5py.string_dtype()) if array.dtype.kind in "US" else array
