"""Small netCDF4 files that xarray, GDAL and the readers of M3LEO open, written through HDF5."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.atomic import atomic_path

#: Name of a variable to its axes, its values and its attributes.
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
        File to write; its folder is made.
    groups : mapping of str to (coordinates, variables)
        ``""`` is the root. Coordinates are one-dimensional, text or numbers, and name the axes.
    geobox : GeoBox, optional
        Grid of the chip, written as a ``spatial_ref`` of CF in the root.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left of it then.
    """
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        for name, (coordinates, variables) in groups.items():
            group = file.require_group(name) if name else file
            for axis, values in coordinates.items():
                dataset = group.create_dataset(axis, data=_storable(values))
                dataset.make_scale(axis)
            for variable, (axes, values, attributes) in variables.items():
                dataset = group.create_dataset(
                    variable, data=_storable(values), **({"compression": "gzip", "shuffle": True} if axes else {})
                )
                for number, axis in enumerate(axes):
                    dataset.dims[number].attach_scale(group[axis])
                dataset.attrs.update(attributes)
        if geobox is not None:
            reference = file.create_dataset("spatial_ref", data=0)
            reference.attrs["crs_wkt"] = _wkt(geobox.crs)
            # GDAL's order: origin and steps of columns, then of rows.
            a, b, c, d, e, f = [*geobox.affine][:6]
            reference.attrs["GeoTransform"] = " ".join(f"{number:.17g}" for number in (c, a, b, f, d, e))


def axes_of(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the columns and of the rows of a grid whose axes are those of its CRS.

    Raises
    ------
    ValueError
        If the grid is turned.
    """
    if geobox.affine.b or geobox.affine.d:
        raise ValueError("geobox must have the axes of its CRS, it is turned")
    x, y = geobox.centres()
    return x[0], y[:, 0]


def _storable(values: Any) -> Any:
    array = np.asarray(values)
    return array.astype(h5py.string_dtype()) if array.dtype.kind in "US" else array


def _wkt(crs: str) -> str:
    import pyproj

    return pyproj.CRS.from_user_input(crs).to_wkt()
