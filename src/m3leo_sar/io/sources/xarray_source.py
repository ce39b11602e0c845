"""Any xarray data on a regular grid as a source of tiles: netCDF, Zarr, and Earth Engine through Xee."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import short_name
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.components.component import Band
from m3leo_sar.io.files.zarr_metadata import require_safe_store
from m3leo_sar.io.sources.tile_source import Piece, cover, file_facts

#: Names of the coordinates along rows and columns that are looked for, in this order, whatever their case.
_AXES = (("y", "x"), ("lat", "lon"), ("latitude", "longitude"))
#: Where a variable names what stands for no data, if xarray has not decoded it.
_FILLS = ("_FillValue", "missing_value", "nodata")


class XarraySource:
    """Variables of an xarray Dataset, or a DataArray, with one-dimensional coordinates at even steps.

    Only the slice around a tile is ever loaded. Variables with more axes give a band for each of their values, such as
    ``vv_20200108`` for a date.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
    name : str
        What the source is called.
    variables : sequence of str, optional
        Those to take; all on the grid if left out.
    y, x : str, optional
        Coordinates along rows and columns, ascending or descending; ``y, x``, ``lat, lon`` or ``latitude, longitude``
        are found by themselves.
    crs : str, optional
        CRS, if the data do not carry it in ``spatial_ref``, in a grid mapping or in an attribute ``crs``. Coordinates
        named lat and lon without one are degrees on WGS 84.
    resampling : str, optional
        A word of :func:`m3leo_sar.reproject`. If left out, bilinear, and None where a variable is of integers, which
        may be quantities or classes.

    Raises
    ------
    TypeError
        If the data are neither.
    ValueError
        If the coordinates are not found, have two dimensions or uneven steps, no CRS is told, a variable is missing or
        is not on the grid, or none is.
    """

    def __init__(
        self,
        data: Any,
        *,
        name: str,
        variables: Sequence[str] | None = None,
        y: str | None = None,
        x: str | None = None,
        crs: str | None = None,
        resampling: str | None = None,
    ) -> None:
        self.name = name
        dataset = _as_dataset(data, name)
        self._axes = _axes(dataset, y, x, name)
        chosen = _variables(dataset, variables, self._axes, name)
        self._arrays = {key: dataset[key].transpose(..., *self._axes) for key in chosen}
        self.geobox = _geobox(dataset, self._arrays, self._axes, crs, name)
        self._bands = {key: tuple(_bands(array, key, name)) for key, array in self._arrays.items()}
        self.bands = tuple(band for bands in self._bands.values() for band in bands)
        has_integers = any(array.dtype.kind in "iub" for array in self._arrays.values())
        self.resampling = resampling or (None if has_integers else "bilinear")
        #: What tells one state of the data from another; :func:`open_xarray_source` adds the file.
        self.facts: list[Any] = [name]

    def parameters(self, geobox: GeoBox) -> Any:
        """Name of the data, size and time of their file, variables and bands: the same for all tiles."""
        grid = [*self.geobox.shape, *tuple(self.geobox.affine)[:6], self.geobox.crs]
        return {"data": self.facts, "bands": [band.name for band in self.bands], "grid": grid}

    def read(self, geobox: GeoBox) -> list[Piece]:
        """Pixels around a tile, a piece a variable; an empty list if the data do not cover it.

        Raises
        ------
        OSError
            If the library that reads the data fails, for whatever reason.
        ValueError
            If it finds the data damaged.
        """
        part = cover(self.geobox, geobox)
        if part is None:
            return []
        pieces = []
        for key, array in self._arrays.items():
            fill = _fill(array)
            is_integer = array.dtype.kind in "iub"

            def load(rows: slice, cols: slice, array: Any = array, fill: Any = fill) -> NDArray[Any]:
                return _valid(self._load(array, rows, cols), fill)

            empty = (int(fill) if fill is not None else 0) if is_integer else np.nan
            nodata = int(fill) if is_integer and fill is not None else None
            pieces.append(Piece(part.gather(load, empty), part.geobox, self._bands[key], nodata))
        return pieces

    def _load(self, array: Any, rows: slice, cols: slice) -> NDArray[Any]:
        y, x = self._axes
        try:
            values = np.asarray(array.isel({y: rows, x: cols}).values)
        except (OSError, ValueError, MemoryError):
            raise
        except Exception as error:
            # Each library that xarray reads through has faults of its own kind; those of servers pass.
            raise OSError(f"{self.name} cannot be read: {type(error).__name__} {error}") from error
        return values.reshape(-1, *values.shape[-2:])


def open_xarray_source(path: str | os.PathLike[str], **options: Any) -> XarraySource:
    """Open a netCDF file or a Zarr store as a source; ``options`` are those of :class:`XarraySource`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If xarray, or the library that it reads the file with, is not installed.
    ValueError
        If it is damaged or neither, or as for the class.
    """
    import xarray

    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"there is no file {place}")
    try:
        # Slices are read as they are asked for, without a graph of tasks (chunks). On a disk nothing is won by a copy
        # of all metadata in one place, which many stores lack.
        if place.is_dir():
            require_safe_store(place)
            data = xarray.open_zarr(place, chunks=None, consolidated=False)
        else:
            data = xarray.open_dataset(place)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        hint = "; netCDF-4 needs h5netcdf or netCDF4 installed" if "engine" in str(error) else ""
        raise ValueError(f"{place.name} cannot be read as netCDF or Zarr{hint}: {error}") from error
    source = XarraySource(data, **{"name": place.name, **options})
    facts = place if place.is_file() else next(iter(sorted(place.glob("*z*"))), place)
    source.facts = [place.name, *file_facts(facts)]
    return source


def earth_engine_source(
    collection: Any,
    *,
    geobox: GeoBox,
    name: str | None = None,
    variables: Sequence[str] | None = None,
    resampling: str | None = None,
) -> XarraySource:
    """An Earth Engine collection as a source, through Xee.

    Earth Engine resamples to the grid it is asked for, by the nearest pixel unless the collection says otherwise: ask
    for the collection's own. The login is that of the ``earthengine`` command or of ``ee.Initialize``; none is taken
    here.

    Parameters
    ----------
    collection : str or ee.ImageCollection
        Such as ``"ee://ESA/WorldCover/v200"``.
    geobox : GeoBox
        Grid that holds all tiles; only the slices around them are asked for.
    name : str, optional
        What the source is called; the collection's text if left out.
    variables, resampling
        As for :class:`XarraySource`.

    Raises
    ------
    ImportError
        If Xee is not installed.
    TypeError
        If no name is given for a collection that is no text.
    ValueError
        If the grid is not north-up, or as for the class.
    """
    import xarray

    if not geobox.is_axis_aligned:
        raise ValueError(f"geobox must have rows and columns along the axes of its CRS, got {geobox.affine}")
    if name is None and not isinstance(collection, str):
        raise TypeError(f"name must be given for a {type(collection).__name__}")
    if "ee" not in xarray.backends.list_engines():
        raise ImportError("Earth Engine is read through Xee, which is not installed: pip install xee")
    data = xarray.open_dataset(
        collection,
        engine="ee",
        crs=geobox.crs,
        crs_transform=tuple(geobox.affine)[:6],
        shape_2d=geobox.shape[::-1],
        ee_init_if_necessary=True,
    )
    called = name or str(collection).removeprefix("ee://")
    return XarraySource(data, name=called, variables=variables, crs=geobox.crs, resampling=resampling)


def _as_dataset(data: Any, name: str) -> Any:
    import xarray

    if isinstance(data, xarray.DataArray):
        return data.to_dataset(name=data.name or "values")
    if not isinstance(data, xarray.Dataset):
        raise TypeError(f"data of {name} must be an xarray.Dataset or DataArray, got {type(data).__name__}")
    return data


def _axes(dataset: Any, y: str | None, x: str | None, name: str) -> tuple[str, str]:
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
    wanted = f"{y}, {x}" if y is not None else "; ".join(", ".join(pair) for pair in _AXES)
    known = ", ".join(map(str, dataset.coords)) or "none"
    raise ValueError(f"{name} must have coordinates {wanted}; it has {known}. Name them with y= and x=")


def _variables(dataset: Any, wanted: Sequence[str] | None, axes: tuple[str, str], name: str) -> list[str]:
    missing = [key for key in wanted or () if key not in dataset.data_vars]
    if missing:
        known = ", ".join(map(str, dataset.data_vars))
        raise ValueError(f"variables must be among {known} of {name}, got {', '.join(missing)}")
    usable = [key for key, array in dataset.data_vars.items() if set(axes) <= set(array.dims)]
    usable = [key for key in usable if dataset[key].dtype.kind in "fciub"]
    for key in wanted or ():
        if key not in usable:
            raise ValueError(
                f"variable {key} of {name} must be of numbers over {axes[0]} and {axes[1]}, it is "
                f"{dataset[key].dtype} over {', '.join(map(str, dataset[key].dims)) or 'nothing'}"
            )
    if not usable:
        raise ValueError(f"{name} has no variable of numbers over {axes[0]} and {axes[1]}")
    return [str(key) for key in (wanted or usable)]


def _geobox(dataset: Any, arrays: Mapping[str, Any], axes: tuple[str, str], crs: str | None, name: str) -> GeoBox:
    told = crs or _told_crs(dataset, arrays)
    if told is None and axes[0].lower().startswith("lat"):
        told = "EPSG:4326"
    if told is None:
        raise ValueError(f"{name} tells no CRS in spatial_ref, a grid mapping or crs; state crs=")
    try:
        return regular_geobox(dataset[axes[1]].values, dataset[axes[0]].values, short_name(told))
    except ValueError as error:
        raise ValueError(f"coordinates {axes[1]} (x) and {axes[0]} (y) of {name}: {error}") from error


def _told_crs(dataset: Any, arrays: Mapping[str, Any]) -> str | None:
    """CRS in the words of GDAL, of CF's grid mappings or of Xee."""
    mappings = [array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping") for array in arrays.values()]
    for key in (*mappings, "spatial_ref", "crs"):
        attributes = dataset.variables[key].attrs if key in dataset.variables else {}
        for word in ("crs_wkt", "spatial_ref"):
            if attributes.get(word):
                return str(attributes[word])
    for holder in (*arrays.values(), dataset):
        if isinstance(holder.attrs.get("crs"), str):
            return str(holder.attrs["crs"])
    return None


def _bands(array: Any, key: str, source: str) -> Iterator[Band]:
    """A band for each value of the axes before rows and columns, in their order."""
    unit = str(array.attrs.get("units", ""))
    quantity = str(array.attrs.get("standard_name") or array.attrs.get("long_name") or key)
    labels = [[_label(value) for value in array[dim].values] for dim in array.dims[:-2]]
    # Two images of one day must not be one band.
    dense = [values if len(set(values)) == len(values) else [f"{v}-{n}" for n, v in enumerate(values)]
             for values in labels]  # fmt: skip
    for parts in product(*dense):
        yield Band("_".join((key, *parts)), quantity, unit, source, None, "_".join(parts) or None)


def _label(value: Any) -> str:
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]")).replace("-", "")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fill(array: Any) -> Any:
    """Value without data that xarray has left in place."""
    found = [array.attrs[word] for word in _FILLS if word in array.attrs]
    return None if not found or np.isnan(found[0]) else np.ravel(found[0])[0]


def _valid(values: NDArray[Any], fill: Any) -> NDArray[Any]:
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    values = values.astype(np.result_type(values.dtype, np.float32))
    return values if fill is None else np.where(values == fill, values.dtype.type(np.nan), values)
