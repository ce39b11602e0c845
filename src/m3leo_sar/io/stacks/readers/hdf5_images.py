"""Complex images in HDF5 files of any producer: one file per date, one complex data set per polarisation.

A map grid is read from the one-dimensional data sets ``x_coordinates`` and ``y_coordinates`` (or ``x`` and ``y``) and
the EPSG code ``projection`` (or a CF grid mapping ``spatial_ref``) beside the images.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.complex_values import as_complex, complex_dtype
from m3leo_sar.io.files.hdf5_values import FAULTS, open_hdf5, read_values
from m3leo_sar.io.stacks.acquisition_name import date_in_name, is_compressed, polarisation_in_name
from m3leo_sar.io.stacks.hdf5_products import dataset_of, hdf5_files, image_of, value_of
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.raster_stack import leave_out_compressed
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice

_AXES = (("x_coordinates", "y_coordinates"), ("x", "y"), ("xCoordinates", "yCoordinates"))
#: Most groups within each other.
_DEPTH = 4


def _find(place: Path) -> list[Path]:
    held = {path: _images_in(path) for path in hdf5_files(place)}
    if not any(held.values()):
        return []
    # One that cannot be read is damaged rather than of another kind.
    return [path for path, names in held.items() if names is None or names or is_compressed(path.name)]


def _images_in(path: Path) -> tuple[str, ...] | None:
    """Names of the complex data sets over rows and columns in a file; None for a file that cannot be read."""
    facts = path.stat()
    return _listed(str(path), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=4096)
def _listed(path: str, _changed: int, _size: int) -> tuple[str, ...] | None:
    try:
        with h5py.File(path, "r") as file:
            return tuple(sorted(_walk(file, file, 0)))
    except FAULTS:
        return None


def _walk(file: h5py.File, group: Any, depth: int) -> Iterator[str]:
    for name in group:
        # Links that lead to another file, or up, are not followed.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group) and depth < _DEPTH:
            yield from _walk(file, item, depth + 1)
        elif isinstance(item, h5py.Dataset) and item.ndim == 2 and min(item.shape) > 1 and complex_dtype(item.dtype):
            yield item.name


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a folder of HDF5 images")
    undated = [product.path for product in products if product.date is None]
    left = set(undated) - set(leave_out_compressed(undated))
    kept = [product for product in products if product.path not in left]
    if not kept:
        raise FileNotFoundError(f"no HDF5 image of an acquisition in {products[0].path.parent}")
    return open_images([image for product in kept for image in _images(product)], choice)


def _images(product: Product) -> Iterator[StackImage]:
    path = product.path.absolute()
    with open_hdf5(path):
        names = _images_in(path)
    if not names:
        raise ValueError(f"{path.name} has no complex data set over rows and columns")
    stated = [polarisation_in_name(posixpath.basename(name)) for name in names]
    if len(names) > 1 and (None in stated or len(set(stated)) < len(names)):
        raise ValueError(
            f"{path.name} has {len(names)} complex data sets, {', '.join(names)}; expected one, or one with the name "
            "of each polarisation"
        )
    with open_hdf5(path) as file:
        for name, polarisation in zip(names, stated, strict=True):
            pixels = dataset_of(file, path, name)
            yield StackImage(
                path=path,
                date=product.date or date_in_name(path.name),
                shape=pixels.shape,
                read=partial(_pixels, path, name, pixels.shape),
                dtype=str(complex_dtype(pixels.dtype)),
                grid=_grid(file, path, posixpath.dirname(name), pixels.shape),
                polarisation=product.polarisation or polarisation or polarisation_in_name(path.name),
            )


def _grid(file: h5py.File, path: Path, group: str, shape: tuple[int, int]) -> GeoBox | None:
    for names in _AXES:
        x, y = (value_of(file, path, f"{group}/{name}") for name in names)
        if x is not None and y is not None and (np.size(y), np.size(x)) == shape:
            crs = _crs(file, path, group)
            return None if crs is None else regular_geobox(np.asarray(x), np.asarray(y), crs)
    return None


def _crs(file: h5py.File, path: Path, group: str) -> str | None:
    code = value_of(file, path, f"{group}/projection")
    if code is not None and np.ndim(code) == 0 and np.asarray(code).dtype.kind in "iu" and int(code) > 0:
        return f"EPSG:{int(code)}"
    for name in ("spatial_ref", "projection", "crs"):
        if f"{group}/{name}" in file:
            attributes = file[f"{group}/{name}"].attrs
            for word in ("crs_wkt", "spatial_ref"):
                text = attributes.get(word)
                if text is not None:
                    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return None


def _pixels(path: Path, name: str, shape: tuple[int, int], rows: slice, cols: slice) -> NDArray[Any]:
    with open_hdf5(path) as file:
        dataset = image_of(file, path, name, shape)
        pixels = as_complex(read_values(dataset, path, (rows, cols), largest=limits.LARGEST_RASTER))
    pixels[np.isnan(pixels)] = complex(np.nan, np.nan)
    return pixels


HDF5_IMAGES = StackReader(
    name="hdf5",
    holds="complex HDF5 images",
    expects="a folder of .h5 files, one per date with the date in its name, each with a complex data set",
    find=_find,
    open=_open,
)
