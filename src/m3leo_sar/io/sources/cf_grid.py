"""The grid of xarray data: coordinates, and the coordinate reference system by CF, GDAL or Xee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import crs_of_grid_mapping, short_name
from m3leo_sar.grid.regular_geobox import regular_geobox

#: Names of the coordinates along rows and columns, in order of preference, in any case.
_AXES = (("y", "x"), ("lat", "lon"), ("latitude", "longitude"))
#: Names and CF attributes of other coordinates along rows and along columns.
_DOWN = ("northing", "northings", "projection_y_coordinate", "latitude", "Y", "degrees_north")
_ALONG = ("easting", "eastings", "projection_x_coordinate", "longitude", "X", "degrees_east")


def grid_axes(dataset: Any, y: str | None, x: str | None, name: str) -> tuple[str, str]:
    """Names of the coordinates along the rows and along the columns of an xarray Dataset.

    Raises
    ------
    ValueError
        If only one of ``y`` and ``x`` is given, there are no such coordinates, or they have two dimensions.
    """
    if (y is None) != (x is None):
        raise ValueError(f"y and x must be given together, got y={y!r}, x={x!r}")
    by_case = {str(key).lower(): str(key) for key in dataset.coords}
    pairs = [(y, x)] if y is not None else [tuple(by_case.get(key) for key in pair) for pair in _AXES]
    for pair in pairs:
        if all(key in dataset.coords for key in pair if key is not None) and None not in pair:
            down, along = (str(key) for key in pair)
            shapes = [dataset[key].dims for key in (down, along)]
            if shapes != [(down,), (along,)]:
                raise ValueError(
                    f"{name} must have one-dimensional coordinates along its rows and columns, {down} and {along} "
                    f"have dimensions {shapes[0]} and {shapes[1]}"
                )
            return down, along
    if y is None:
        names = [key for words in (_DOWN, _ALONG) if (key := _by_attributes(dataset, words)) is not None]
        if len(names) == 2:
            return names[0], names[1]
    wanted = f"{y}, {x}" if y is not None else "; ".join(", ".join(pair) for pair in _AXES)
    known = ", ".join(map(str, dataset.coords)) or "none"
    raise ValueError(f"{name} must have coordinates {wanted}; it has {known}. Specify them with y= and x=")


def _by_attributes(dataset: Any, words: tuple[str, ...]) -> str | None:
    """The only one-dimensional coordinate whose name or CF attributes are among ``words``."""
    found = [
        str(key)
        for key, array in dataset.coords.items()
        if array.dims == (key,)
        and {str(key).lower(), *(str(array.attrs.get(word)) for word in ("axis", "standard_name", "units"))} & {*words}
    ]
    return found[0] if len(found) == 1 else None


def grid_geobox(dataset: Any, arrays: Mapping[str, Any], axes: tuple[str, str], crs: str | None, name: str) -> GeoBox:
    """Grid of variables over two coordinates, with the stated CRS or that of the data.

    Raises
    ------
    ValueError
        If the steps are uneven, or there is no CRS.
    """
    found = crs or _stored_crs(dataset, arrays)
    if found is None and axes[0].lower().startswith("lat"):
        found = "EPSG:4326"
    if found is None:
        raise ValueError(f"{name} specifies no CRS in spatial_ref, a grid mapping or crs; state crs=")
    try:
        return regular_geobox(dataset[axes[1]].values, dataset[axes[0]].values, short_name(found))
    except ValueError as error:
        raise ValueError(f"coordinates {axes[1]} (x) and {axes[0]} (y) of {name}: {error}") from error


def _stored_crs(dataset: Any, arrays: Mapping[str, Any]) -> str | None:
    """CRS by the conventions of GDAL, of CF's grid mappings or of Xee."""
    mappings = [array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping") for array in arrays.values()]
    for key in (*mappings, "spatial_ref", "crs"):
        attributes = dataset.variables[key].attrs if key in dataset.variables else {}
        for word in ("crs_wkt", "spatial_ref"):
            if attributes.get(word):
                return str(attributes[word])
        if attributes.get("grid_mapping_name"):
            return _cf_crs(attributes)
    for holder in (*arrays.values(), dataset):
        if isinstance(holder.attrs.get("crs"), str):
            return str(holder.attrs["crs"])
    return None


def _cf_crs(attributes: Mapping[str, Any]) -> str:
    """CRS of a CF grid mapping with the name and parameters of its projection, without WKT."""
    try:
        return crs_of_grid_mapping({key: _plain(value) for key, value in attributes.items()})
    except ValueError as error:
        name = attributes["grid_mapping_name"]
        raise ValueError(f"the grid mapping {name!r} cannot be understood ({error}); state crs=") from error


def _plain(value: Any) -> Any:
    """A number or a list from an attribute, which h5netcdf returns as an array."""
    found = np.asarray(value)
    return found.item() if found.size == 1 else found.tolist()
