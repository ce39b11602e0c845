"""A stack of sarxarray, which reads DORIS's output: a Zarr store over (azimuth, range, time).

Layout: sarxarray 1.4: the variable ``complex``, or ``real`` and ``imag``, with ``lat`` and ``lon`` over
(azimuth, range).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.complex_values import as_complex, complex_dtype
from m3leo_sar.io.files.zarr_products import (
    arrays_of,
    dimensions_of,
    documents_at,
    is_zarr,
    names_in,
    plain_zarr_errors,
    read_part,
)
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.date_table import dates_of_positions
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, layered_geometry
from m3leo_sar.io.stacks.readers.cf_time import moments_of
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry

_AXES = {"azimuth", "range", "time"}
_COMPLEX = ("complex", "slc", "SLC")
_PARTS = (("real", "imag"), ("re", "im"), ("i", "q"))
_POSITIONS = (("lat", "lon"), ("latitude", "longitude"))


def _find(place: Any) -> list[Any]:
    stores: list[Any] = [place] if is_zarr(place) else sorted(place.glob("*.zarr")) if place.is_dir() else []
    return [store for store in stores if is_zarr(store) and _is_stack(store)]


def _is_stack(store: AnyFile) -> bool:
    """Whether a store holds complex numbers over azimuth, range and time; False for one that cannot be read."""
    names = {*_COMPLEX, *(pair[0] for pair in _PARTS)}.intersection(_members(store))
    try:
        arrays = arrays_of(store) if names else {}
    except ValueError:
        return bool(names)
    return any(name in arrays and set(dimensions_of(arrays[name])) >= _AXES for name in names)


def _members(store: AnyFile) -> list[str]:
    try:
        return names_in(store)
    except ValueError:
        return []


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a store of sarxarray")
    store = products[0].path.absolute()
    if len(products) > 1:
        raise ValueError(f"{store.parent} holds {len(products)} stores; open one of them, such as {store.name}")
    arrays = arrays_of(store)
    names = _names(store, arrays)
    first = arrays[names[0]]
    axes, shape = dimensions_of(first), first.shape
    sizes = dict(zip(axes, shape, strict=True))
    dates = _dates(store, arrays.get("time"), sizes["time"])
    dtype = "complex128" if first.dtype in (np.float64, np.complex128) else "complex64"
    size = (sizes["azimuth"], sizes["range"])
    images = [
        StackImage(
            path=store,
            date=date,
            shape=size,
            read=partial(_pixels, store, names, axes, shape, index),
            dtype=dtype,
            files=documents_at(store),
        )
        for index, date in enumerate(dates)
    ]
    return open_images(images, choice, geometry=partial(_geometry, store), zero_is_value=False)


def _names(store: AnyFile, arrays: Mapping[str, Any]) -> tuple[str, ...]:
    """The complex variable, or the two of its parts."""
    for pair in ((name,) for name in _COMPLEX):
        if pair[0] in arrays and complex_dtype(arrays[pair[0]].dtype):
            return pair
    for parts in _PARTS:
        if all(part in arrays and arrays[part].dtype.kind in "fi" for part in parts):
            return parts
    raise ValueError(f"{store.name} has no complex variable over (azimuth, range, time), it has {', '.join(arrays)}")


def _dates(store: AnyFile, time: Any, count: int) -> list[datetime.date]:
    """Dates of the time axis, or of the table of dates if the axis only counts."""
    # A table of dates lies in a folder of this machine.
    table = dates_of_positions(store.parent, store.name, count) if isinstance(store, Path) else None
    if table is not None:
        return table
    with plain_zarr_errors(store):
        values = None if time is None else read_part(store, "time", (slice(None),) * time.ndim, time.shape)
        units = "" if time is None else str(time.attrs.get("units", ""))
    if values is None or values.shape != (count,):
        raise ValueError(f"{store.name} has no time axis of its {count} images")
    try:
        moments = moments_of(values, units)
    except ValueError as error:
        raise ValueError(f"{store.name}: {error}") from error
    if moments is None:
        raise ValueError(
            f"{store.name}: its time axis counts from {values.flat[0]} without dates; write {store.parent}/dates.csv "
            f"with the columns file and date, and a line {store.name}/0,20230301 per image"
        )
    return [moment.date() for moment in moments]


def _pixels(
    store: AnyFile,
    names: tuple[str, ...],
    axes: tuple[str, ...],
    shape: tuple[int, ...],
    index: int,
    rows: slice,
    cols: slice,
) -> NDArray[Any]:
    """Pixels of an image; zeros, which DORIS writes where it has no data, are NaN."""
    of_axis = {"azimuth": rows, "range": cols, "time": index}
    parts = [read_part(store, name, tuple(of_axis[axis] for axis in axes), shape) for name in names]
    if len(parts) == 1:
        pixels = as_complex(parts[0])
    else:
        wide = np.complex128 if parts[0].dtype == np.float64 else np.complex64
        pixels = np.empty(parts[0].shape, wide)
        pixels.real, pixels.imag = parts
    left = [axis for axis in axes if axis != "time"]
    pixels = pixels if left == ["azimuth", "range"] else pixels.T
    return np.where((pixels == 0) | np.isnan(pixels), pixels.dtype.type(complex(np.nan, np.nan)), pixels)


def _geometry(store: AnyFile, shape: tuple[int, int]) -> Geometry:
    arrays = arrays_of(store)
    for names in _POSITIONS:
        if all(name in arrays and sorted(arrays[name].shape) == sorted(shape) for name in names):
            layers = [partial(_layer, store, name, dimensions_of(arrays[name]), arrays[name].shape) for name in names]
            return layered_geometry(shape, {"latitude": layers[0], "longitude": layers[1]})
    raise ValueError(
        f"{store.name} states no position of its pixels: expected lat and lon over (azimuth, range); or {HOW_TO_STATE}"
    )


def _layer(
    store: AnyFile, name: str, axes: tuple[str, ...], shape: tuple[int, int], rows: slice, cols: slice
) -> NDArray[Any]:
    is_turned = axes[:1] == ("range",)
    values = read_part(store, name, (cols, rows) if is_turned else (rows, cols), shape)
    return values.T if is_turned else values


DORIS_ZARR = StackReader(
    name="doris-zarr",
    holds="DORIS stack of sarxarray (Zarr)",
    expects="x.zarr with the variable complex over (azimuth, range, time), and lat and lon",
    find=_find,
    open=_open,
    is_far=True,
    is_store=True,
)
