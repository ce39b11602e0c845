"""A stack as xarray writes one to Zarr: a complex variable per polarisation over (time, y, x), with the names of CF.

``SlcStack.to_xarray().to_zarr(...)`` writes such stores. The map grid is that of the coordinates and of the grid
mapping, which GeoZarr takes from CF; images in radar geometry have latitude and longitude of each pixel.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import crs_of_grid_mapping, short_name
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.files.complex_values import as_complex, complex_dtype
from m3leo_sar.io.files.zarr_products import (
    arrays_of,
    dimensions_of,
    documents_at,
    is_zarr,
    open_zarr,
    plain_zarr_errors,
    read_part,
    read_plane,
    read_whole,
)
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, layered_geometry
from m3leo_sar.io.stacks.readers.cf_time import moments_of
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.polarisation import POLARISATIONS

_AXES = (("time", "y", "x"), ("time", "azimuth", "range"))
_FACTS = ("orbit", "track", "wavelength", "flattened")


def _find(place: Any) -> list[Any]:
    stores: list[Any] = [place] if is_zarr(place) else sorted(place.glob("*.zarr")) if place.is_dir() else []
    return [store for store in stores if is_zarr(store) and _is_stack(store)]


def _is_stack(store: AnyFile) -> bool:
    try:
        return bool(_images_in(arrays_of(store)))
    except ValueError:
        return False


def _images_in(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Complex arrays over time, rows and columns by polarisation."""
    found = {}
    for name, array in arrays.items():
        word = str(array.attrs.get("polarisation", name)).upper()
        if word in POLARISATIONS and dimensions_of(array) in _AXES and complex_dtype(array.dtype):
            found[word] = array
    return found


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    store = products[0].path.absolute()
    if len(products) > 1:
        raise ValueError(f"{store.parent} holds {len(products)} stores; open one of them, such as {store.name}")
    arrays = arrays_of(store)
    moments = _moments(store, arrays)
    attributes: dict[str, Any] = dict(open_zarr(store).attrs)
    facts = {name: attributes[name] for name in _FACTS if attributes.get(name) is not None}
    grid = _grid(store, arrays)
    documents = documents_at(store)
    images = [
        StackImage(
            path=store,
            date=moment.date(),
            shape=array.shape[1:],
            read=partial(_pixels, store, array.path, array.shape, index),
            dtype=complex_dtype(array.dtype) or "complex64",
            files=documents,
            grid=grid,
            polarisation=word,
            burst=attributes.get("burst"),
            frequency=attributes.get("frequency"),
            time=moment if any(one.time() != datetime.time() for one in moments) else None,
            facts=facts,
        )
        for word, array in _images_in(arrays).items()
        for index, moment in enumerate(moments)
    ]
    return open_images(images, choice, geometry=partial(_geometry, store))


def _moments(store: AnyFile, arrays: Mapping[str, Any]) -> list[datetime.datetime]:
    count = next(iter(_images_in(arrays).values())).shape[0]
    with plain_zarr_errors(store):
        values = read_whole(store, "time") if "time" in arrays else np.zeros(0)
        units = str(arrays["time"].attrs.get("units", "")) if "time" in arrays else ""
        moments = moments_of(values, units)
    if moments is None or len(moments) != count:
        raise ValueError(
            f"{store.name} has no time axis of its {count} images: expected units such as days since a day"
        )
    return moments


def _grid(store: AnyFile, arrays: Mapping[str, Any]) -> GeoBox | None:
    """Map grid of the coordinates and the grid mapping; None for images in radar geometry."""
    first = next(iter(_images_in(arrays).values()))
    if dimensions_of(first) != _AXES[0]:
        return None
    mapping = str(first.attrs.get("grid_mapping", "spatial_ref"))
    for name in ("y", "x", mapping):
        if name not in arrays:
            raise ValueError(f"{store.name} has no coordinate {name}, which its images lie on")
    crs = short_name(crs_of_grid_mapping(dict(arrays[mapping].attrs)))
    box = regular_geobox(read_whole(store, "x"), read_whole(store, "y"), crs)
    if box.shape != first.shape[1:]:
        raise ValueError(f"{store.name}: its images have shape {first.shape}, its coordinates {box.shape}")
    return box


def _pixels(
    store: AnyFile, name: str, shape: tuple[int, ...], index: int, rows: slice, cols: slice
) -> NDArray[np.complexfloating]:
    pixels = as_complex(read_part(store, name, (index, rows, cols), shape))
    # A NaN in one part would leave the other one as a value.
    return np.where(np.isnan(pixels), pixels.dtype.type(complex(np.nan, np.nan)), pixels)


def _geometry(store: AnyFile, shape: tuple[int, int]) -> Geometry:
    arrays = arrays_of(store)
    if not all(name in arrays and arrays[name].shape == shape for name in ("latitude", "longitude")):
        raise ValueError(
            f"{store.name} states no position of its pixels: expected latitude and longitude; {HOW_TO_STATE}"
        )
    return layered_geometry(
        shape, {name: partial(read_plane, store, name, shape) for name in ("latitude", "longitude")}
    )


GEOZARR = StackReader(
    name="geozarr",
    holds="xarray stack (Zarr, GeoZarr)",
    expects="x.zarr with complex variables VV, VH, ... over (time, y, x), or (time, azimuth, range) with positions",
    find=_find,
    open=_open,
    is_far=True,
    is_store=True,
)
