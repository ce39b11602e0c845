"""Any xarray data on a regular grid as a source of tiles: netCDF, Zarr, and Earth Engine through Xee."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.quantity import of_kind, require_kind, usual_resampling
from m3leo_sar.io.files.complex_parts import require_no_parts
from m3leo_sar.io.files.hdf5_values import complex_datasets
from m3leo_sar.io.files.zarr_metadata import require_safe_store
from m3leo_sar.io.sources.cf_grid import grid_axes, grid_geobox
from m3leo_sar.io.sources.stored_type import StoredType, flag_classes, is_flags, stored_type, valid_pixels
from m3leo_sar.io.sources.tile_source import Piece, cover, file_facts

#: The first bytes of an HDF5 file, which a netCDF-4 file is.
_HDF5 = b"\x89HDF\r\n\x1a\n"


class XarraySource:
    """Variables of an xarray Dataset, or a DataArray, with one-dimensional coordinates at even steps.

    Only the slice around a tile is loaded. Variables with more axes give one band per value of these, such as
    ``vv_20200108`` for a date.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
    name : str
        What the source is called.
    variables : sequence of str, optional
        Variables to take; by default all on the grid.
    y, x : str, optional
        Coordinates along rows and columns, ascending or descending; ``y, x``, ``lat, lon``, ``latitude, longitude``
        or those named by CF attributes (``axis``, ``standard_name``, ``units``) are found automatically.
    crs : str, optional
        Coordinate reference system, if the data lack it in ``spatial_ref``, a grid mapping or an attribute ``crs``.
        Coordinates named lat and lon without one are degrees on WGS 84.
    resampling : str, optional
        A word of :func:`m3leo_sar.reproject`. By default, the usual one of the quantity
        (:data:`m3leo_sar.io.components.quantity.KINDS`), and None if a variable is of integers without a unit, which
        may be quantities or classes.
    nodata : int or float, optional
        No-data value, if the variables specify none or a wrong one.
    quantity : {"number", "phase", "direction", "decibel", "code", "amount"}, optional
        Kind of all variables, if units and names imply none or a wrong one.

    Raises
    ------
    TypeError
        If the data are neither.
    ValueError
        If the coordinates are not found, have two dimensions or uneven steps, there is no CRS, or a variable, or
        every one, is missing or not on the grid, or is the real or imaginary part of complex samples while no
        ``quantity`` is stated.

    Notes
    -----
    The stored type decides, not that of a decoder: integers that xarray has converted to floats with NaN, for their
    ``_FillValue``, are integers here, unless they have a scale or an offset. Variables with
    ``flag_values``, ``flag_masks`` or ``flag_meanings`` are codes; their default no-data value is 0, or the
    largest of the dtype if 0 is a code.
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
        nodata: float | None = None,
        quantity: str | None = None,
    ) -> None:
        require_kind(quantity)
        self.name = name
        dataset = _as_dataset(data, name)
        self._axes = grid_axes(dataset, y, x, name)
        chosen = _variables(dataset, variables, self._axes, name)
        if quantity is None:
            _require_no_parts(dataset, chosen, name)
        self._arrays = {key: dataset[key].transpose(..., *self._axes) for key in chosen}
        self.geobox = grid_geobox(dataset, self._arrays, self._axes, crs, name)
        self._stored = {key: stored_type(array, nodata, quantity) for key, array in self._arrays.items()}
        self._bands = {
            key: tuple(of_kind(band, quantity) for band in _bands(array, key, name))
            for key, array in self._arrays.items()
        }
        self.bands = tuple(band for bands in self._bands.values() for band in bands)
        self.resampling = resampling or self._usual()
        self._stated = [nodata, quantity]
        #: Signature of the state of the data; :func:`open_xarray_source` adds the file.
        self.facts: list[Any] = [name]

    def parameters(self, geobox: GeoBox) -> Any:
        """Name of the data, size and time of their file, variables and bands: the same for all tiles."""
        grid = [*self.geobox.shape, *tuple(self.geobox.affine)[:6], self.geobox.crs]
        facts = {"data": self.facts, "bands": [band.name for band in self.bands], "grid": grid}
        stored = {key: [str(stored.dtype), stored.nodata] for key, stored in self._stored.items() if stored.is_integer}
        more = {"stored": stored} if stored else {}
        return facts | more | ({"stated": self._stated} if any(word is not None for word in self._stated) else {})

    def read(self, geobox: GeoBox) -> list[Piece]:
        """Pixels around a tile, one piece per variable; an empty list if the data do not cover it.

        Raises
        ------
        OSError
            If the library that reads the data fails for any reason.
        ValueError
            If the data are damaged.
        """
        part = cover(self.geobox, geobox)
        if part is None:
            return []
        pieces = []
        for key, array in self._arrays.items():
            stored = self._stored[key]

            def load(rows: slice, cols: slice, array: Any = array, stored: StoredType = stored) -> NDArray[Any]:
                return valid_pixels(self._load(array, rows, cols), stored, self.name)

            empty = (stored.nodata or 0) if stored.is_integer else np.nan
            nodata = stored.nodata if stored.is_integer else None
            classes = flag_classes(array, stored)
            pieces.append(Piece(part.gather(load, empty), part.geobox, self._bands[key], nodata, classes=classes))
        return pieces

    def _usual(self) -> str | None:
        found = {usual_resampling(self._bands[key], is_integer=self._stored[key].is_integer) for key in self._bands}
        if None in found:
            return None
        return found.pop() if len(found) == 1 else "bilinear"

    def _load(self, array: Any, rows: slice, cols: slice) -> NDArray[Any]:
        y, x = self._axes
        try:
            values = np.asarray(array.isel({y: rows, x: cols}).values)
        except (OSError, ValueError, MemoryError):
            raise
        except Exception as error:
            # Each library behind xarray has its own exceptions; faults of servers are temporary.
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
        # Slices are read on demand, without a graph of tasks (chunks). On a disk, consolidated metadata, which many
        # stores lack, bring no gain.
        if place.is_dir():
            require_safe_store(place)
            data = xarray.open_zarr(place, chunks=None, consolidated=False)
        else:
            data = _open_netcdf(place)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        hint = "; netCDF-4 needs h5netcdf or netCDF4 installed" if "engine" in str(error) else ""
        raise ValueError(f"{place.name} cannot be read as netCDF or Zarr{hint}: {error}") from error
    source = XarraySource(data, **{"name": place.name, **options})
    facts = place if place.is_file() else next(iter(sorted(place.glob("*z*"))), place)
    source.facts = [place.name, *file_facts(facts)]
    return source


def _open_netcdf(place: Path) -> Any:
    """A netCDF file with all of its variables: netCDF4 leaves complex ones out without an error."""
    import xarray

    with place.open("rb") as file:
        is_hdf5 = file.read(len(_HDF5)) == _HDF5
    engine = "h5netcdf" if is_hdf5 and find_spec("h5netcdf") else None
    data = xarray.open_dataset(place, engine=engine)
    if is_hdf5 and engine is None:
        lost = sorted(complex_datasets(place) - set(map(str, data.variables)))
        if lost:
            raise ValueError(f"{', '.join(lost)} are complex, which needs h5netcdf installed")
    return data


def earth_engine_source(
    collection: Any,
    *,
    geobox: GeoBox,
    name: str | None = None,
    variables: Sequence[str] | None = None,
    resampling: str | None = None,
) -> XarraySource:
    """An Earth Engine collection as a source, through Xee.

    Earth Engine resamples to the requested grid, by the nearest pixel unless the collection specifies otherwise:
    request the collection's own grid. The login is that of the ``earthengine`` command or of ``ee.Initialize``; this
    function does not log in.

    Parameters
    ----------
    collection : str or ee.ImageCollection
        Such as ``"ee://ESA/WorldCover/v200"``.
    geobox : GeoBox
        Grid that holds all tiles; only the slices around them are requested.
    name : str, optional
        Name of the source; by default the collection's text.
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


def _require_no_parts(dataset: Any, chosen: Sequence[str], name: str) -> None:
    real = [key for key, array in dataset.data_vars.items() if array.dtype.kind in "fiu"]
    units = [str(dataset[key].attrs.get("units", "")) for key in real]
    places = [place for place, key in enumerate(real) if str(key) in chosen]
    if places:
        require_no_parts(name, [str(key) for key in real], units, chosen=places)
    for array in (dataset[real[place]] for place in places):
        for axis in array.dims[:-2]:
            labels = [_label(value) for value in array[axis].values]
            require_no_parts(name, labels, [""] * len(labels))


def _bands(array: Any, key: str, source: str) -> Iterator[Band]:
    """One band per value of the axes before rows and columns, in their order."""
    unit = "class" if is_flags(array) else str(array.attrs.get("units", ""))
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
