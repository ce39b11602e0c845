"""SNAP ZNAP: a Zarr v2 store with the bands of BEAM-DIMAP as arrays, ``i_VV_31Mar2023`` and ``q_VV_31Mar2023``.

The fill value of the arrays is 0.0, which is no mark of no data: a part of a valid sample may be exactly zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.zarr_products import arrays_of, documents_at, is_zarr, read_part, read_plane
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.acquisition_name import date_in_name, polarisation_in_name
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, layered_geometry, mesh_geometry
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry

#: Attributes of a tie-point grid: its first point, and the steps, in pixels of the image.
_TIES = ("offset_y", "offset_x", "subsampling_y", "subsampling_x")
_POSITIONS = (("orthorectifiedLat", "orthorectifiedLon"), ("latitude", "longitude"), ("lat", "lon"))


def _find(place: Any) -> list[Any]:
    stores: list[Any] = (
        [place] if place.suffix.lower() == ".znap" else sorted(place.glob("*.znap")) if place.is_dir() else []
    )
    return [store for store in stores if is_zarr(store)]


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a SNAP product")
    stores = [product.path.absolute() for product in products]
    images = [image for store in stores for image in _images(store)]
    if not images:
        raise ValueError(f"{stores[0].name} has no pairs of bands i_* and q_*, as a complex product has")
    return open_images(images, choice, geometry=partial(_geometry, stores[0]), zero_is_value=False)


def _images(store: AnyFile) -> Iterator[StackImage]:
    bands = arrays_of(store)
    for name in sorted(bands):
        if not name.lower().startswith("i_"):
            continue
        other = ("q_" if name[0] == "i" else "Q_") + name[2:]
        if other not in bands or bands[other].shape != bands[name].shape or bands[name].ndim != 2:
            raise ValueError(f"{store.name} has the band {name} without {other} of the same rows and columns")
        yield StackImage(
            path=store,
            date=date_in_name(name),
            shape=bands[name].shape,
            read=partial(_pixels, store, name, other, bands[name].shape),
            files=(store / name, store / other) if isinstance(store, Path) else documents_at(store),
            polarisation=polarisation_in_name(name),
        )


def _pixels(
    store: AnyFile, real: str, imaginary: str, shape: tuple[int, int], rows: slice, cols: slice
) -> NDArray[np.complex64]:
    """Complex pixels; no data is where both parts are zero."""
    parts = [read_part(store, name, (rows, cols), shape) for name in (real, imaginary)]
    out = np.empty(parts[0].shape, np.complex64)
    out.real, out.imag = parts
    out[np.isnan(out) | ((parts[0] == 0) & (parts[1] == 0))] = complex(np.nan, np.nan)
    return out


def _geometry(store: AnyFile, shape: tuple[int, int]) -> Geometry:
    bands = arrays_of(store)
    for names in _POSITIONS:
        if all(name in bands and bands[name].shape == shape for name in names):
            layers = [partial(read_plane, store, name, shape) for name in names]
            return layered_geometry(shape, {"latitude": layers[0], "longitude": layers[1]})
        if all(name in bands and set(_TIES) <= set(bands[name].attrs) for name in names):
            return _from_ties(store, [bands[name] for name in names], names, shape)
    raise ValueError(
        f"{store.name} states no position of its pixels: expected the bands orthorectifiedLat and orthorectifiedLon, "
        f"or the tie-point grids latitude and longitude; or {HOW_TO_STATE}"
    )


def _from_ties(store: AnyFile, grids: Sequence[Any], names: Sequence[str], shape: tuple[int, int]) -> Geometry:
    """Positions from tie-point grids, whose attributes state the first point and the step in pixels."""
    facts = [_tie_facts(store, grid, name) for grid, name in zip(grids, names, strict=True)]
    if facts[0] != facts[1] or grids[0].shape != grids[1].shape or grids[0].ndim != 2:
        raise ValueError(f"{store.name}: the tie-point grids {names[0]} and {names[1]} must have the same points")
    layers = {
        layer: read_plane(store, name, grids[0].shape, *(slice(0, size) for size in grids[0].shape))
        for layer, name in zip(("latitude", "longitude"), names, strict=True)
    }
    top, left, down, along = facts[0]
    # A centre is at half a pixel in SNAP, at 0 here.
    rows, cols = (
        start - 0.5 + step * np.arange(size)
        for start, step, size in zip((top, left), (down, along), grids[0].shape, strict=True)
    )
    return mesh_geometry(shape, rows, cols, layers)


def _tie_facts(store: AnyFile, grid: Any, name: str) -> tuple[float, ...]:
    try:
        found = tuple(float(grid.attrs[word]) for word in _TIES)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{store.name}: {name} must state {', '.join(_TIES)} as numbers: {error}") from error
    if not (np.isfinite(found).all() and min(found[2:]) > 0):
        raise ValueError(f"{store.name}: {name} must state finite {', '.join(_TIES)}, got {found}")
    return found


SNAP_ZNAP = StackReader(
    name="snap-znap",
    holds="SNAP ZNAP",
    expects="x.znap, or its folder; bands i_*_20Jan2023 and q_*_20Jan2023",
    find=_find,
    open=_open,
    is_far=True,
    is_store=True,
)
