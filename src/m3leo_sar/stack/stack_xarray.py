"""A stack as an xarray Dataset over dask, with names of CF and GeoZarr, and back."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.map_coordinates import map_coordinates
from m3leo_sar.grid.projection import crs_of_grid_mapping, short_name
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.stack.geometry import Geometry, RadarGeometry
from m3leo_sar.stack.polarisation import POLARISATIONS, joined_polarisations

#: Rows and columns of a block.
_BLOCK = 512
#: Properties of a stack that are attributes of the Dataset.
_FACTS = ("orbit", "track", "wavelength", "burst", "frequency", "flattened")


class LazyImages:
    """Images of one polarisation, (dates, rows, cols), read where they are indexed.

    Parameters
    ----------
    stack : SlcStack
    polarisation : str
    """

    def __init__(self, stack: Any, polarisation: str) -> None:
        self._stack, self._polarisation = stack, polarisation
        self.shape, self.dtype, self.ndim = stack.shape, np.dtype(stack.dtype), 3

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        """Pixels by numbers, slices or lists along each axis; dask joins selections into one."""
        places = [np.arange(size)[part] for size, part in zip(self.shape, index, strict=True)]
        sizes = tuple(np.size(place) for place in places if np.ndim(place))
        if 0 in sizes:
            return np.empty(sizes, self.dtype)
        dates, rows, cols = (np.atleast_1d(place) for place in places)
        wanted = [(self._polarisation, self._stack.dates[place]) for place in dates]
        spans = [slice(int(span.min()), int(span.max()) + 1) for span in (rows, cols)]
        found = self._stack.images(wanted, *spans)[:, rows - spans[0].start][:, :, cols - spans[1].start]
        return np.asarray(found.reshape(sizes))


def stack_as_xarray(stack: Any) -> Any:
    """Dataset of a stack; see :meth:`m3leo_sar.SlcStack.to_xarray`."""
    import dask.array
    import xarray

    on_map = isinstance(stack.geometry, GeoBox)
    dims = ("time", "y", "x") if on_map else ("time", "azimuth", "range")
    chunks = (1, *(min(_BLOCK, size) for size in stack.shape[1:]))
    variables = {}
    for one in stack.polarisations:
        pixels = dask.array.from_array(
            LazyImages(stack, one), chunks=chunks, name=False, asarray=False, meta=np.empty((0, 0, 0), stack.dtype)
        )
        variables[one] = (dims, pixels, {"long_name": f"single-look complex image {one}", "polarisation": one})
    data = xarray.Dataset(variables, coords=_coordinates(stack, dims), attrs=_attributes(stack))
    if on_map:
        for variable in data.data_vars.values():
            variable.attrs["grid_mapping"] = "spatial_ref"
    return data


def facts_of_xarray(data: Any, *, geometry: Geometry | None = None) -> dict[str, Any]:
    """Arguments of an SlcStack; see :meth:`m3leo_sar.SlcStack.from_xarray`."""
    variables = _variables(data)
    first = next(iter(variables.values()))
    if first.ndim != 3:
        raise ValueError(f"data must have the dimensions time, rows and columns, got {', '.join(map(str, first.dims))}")
    moments = [value.astype("datetime64[us]").item() for value in np.asarray(first[first.dims[0]].values)]
    if not all(isinstance(moment, datetime.datetime) for moment in moments):
        raise ValueError(f"data must have times along {first.dims[0]}, got {first[first.dims[0]].dtype}")
    facts = {name: data.attrs[name] for name in _FACTS if data.attrs.get(name) is not None}
    platforms = data.coords["platform"].values if "platform" in data.coords else None
    has_times = any(moment.time() != datetime.time() for moment in moments)
    return {
        "dates": tuple(moment.date() for moment in moments),
        "times": tuple(moments) if has_times else None,
        "platforms": None if platforms is None else tuple(str(name) or None for name in platforms),
        "polarisation": joined_polarisations(variables),
        "read": partial(_read, tuple(variables.values())),
        "geometry": geometry if geometry is not None else _geometry(first),
        "dtype": first.dtype.name,
        "name": str(data.attrs.get("title", "xarray")),
        **facts,
    }


def _variables(data: Any) -> dict[str, Any]:
    """Complex arrays by polarisation, of a Dataset or a DataArray with an attribute ``polarisation``."""
    if hasattr(data, "data_vars"):
        found = {str(name): data[name] for name in data.data_vars}
        # Other variables, such as a mask, may lie beside the images.
        found = {name: array for name, array in found.items() if name.upper() in POLARISATIONS} or found
    else:
        found = {str(data.attrs.get("polarisation", data.name)): data}
    named = {name.upper(): array for name, array in found.items()}
    if not named or not set(named) <= set(POLARISATIONS):
        raise ValueError(
            f"data must have variables named {', '.join(POLARISATIONS)}, or an attribute polarisation, got "
            f"{', '.join(found) or 'none of them'}"
        )
    return named


def _geometry(array: Any) -> Geometry:
    y, x = array.dims[1:]
    if y in array.coords and x in array.coords:
        mapping = array.coords.get("spatial_ref")
        if mapping is None:
            raise ValueError("data must have a coordinate spatial_ref with its CRS, or pass geometry=")
        # From the coordinates, which follow a selection; the transform of spatial_ref does not.
        return regular_geobox(array[x].values, array[y].values, short_name(crs_of_grid_mapping(mapping.attrs)))
    if "latitude" in array.coords and "longitude" in array.coords:
        return RadarGeometry(array.coords["latitude"].values, array.coords["longitude"].values)
    raise ValueError("data must have coordinates of its pixels (y and x, or latitude and longitude), or pass geometry=")


def _read(arrays: tuple[Any, ...], index: int, rows: slice, cols: slice) -> NDArray[Any]:
    polarisation, date = divmod(index, arrays[0].shape[0])
    return np.asarray(arrays[polarisation][date, rows, cols].values)


def _coordinates(stack: Any, dims: tuple[str, str, str]) -> dict[str, Any]:
    times = np.array(stack.passings, "datetime64[ns]")
    found: dict[str, Any] = {"time": ("time", times, {"standard_name": "time"})}
    if stack.platforms is not None:
        found["platform"] = ("time", np.array([name or "" for name in stack.platforms]))
    geometry = stack.geometry
    if isinstance(geometry, GeoBox):
        return found | map_coordinates(geometry)
    if isinstance(getattr(geometry, "latitude", None), np.ndarray):
        units = {"latitude": "degrees_north", "longitude": "degrees_east"}
        found |= {
            name: (dims[1:], getattr(geometry, name), {"standard_name": name, "units": unit})
            for name, unit in units.items()
        }
    return found


def _attributes(stack: Any) -> Mapping[str, Any]:
    """Attributes by CF and, of a map grid, by the conventions of GeoZarr for projection and place."""
    found: dict[str, Any] = {"Conventions": "CF-1.11", "title": stack.name}
    found |= {name: getattr(stack, name) for name in _FACTS if getattr(stack, name) is not None}
    geometry = stack.geometry
    if isinstance(geometry, GeoBox):
        code = {"proj:code": geometry.crs} if geometry.crs.upper().startswith("EPSG:") else {"proj:wkt2": geometry.crs}
        found |= code | {
            "spatial:dimensions": ["y", "x"],
            "spatial:shape": list(geometry.shape),
            "spatial:transform": [float(value) for value in tuple(geometry.affine)[:6]],
            "spatial:bbox": list(geometry.bounds),
        }
    return found
