"""OPERA CSLC-S1: geocoded, co-registered Sentinel-1 bursts in HDF5, one file a burst, date and polarisation."""

from __future__ import annotations

import datetime
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.hdf5_values import FAULTS, read_values, require_own
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.slc import SlcStack

_NAME = re.compile(r"CSLC-S1_(T\d{3}-\d{6}-IW\d)_(\d{8})T\d{6}Z_.*_(VV|VH|HH|HV)_")


@dataclass(frozen=True, slots=True)
class _Product:
    path: Path
    burst: str
    date: datetime.date
    polarisation: str


def read_cslc_stack(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    burst: str | None = None,
    polarisation: str | None = None,
) -> SlcStack:
    """Open the dates of one burst as a stack; pixels are read when a window is asked for.

    Parameters
    ----------
    source
        A folder of ``OPERA_L2_CSLC-S1_*.h5`` files, or the files.
    burst : str, optional
        Such as ``"T087-185683-IW2"``; needed when there are several.
    polarisation : str, optional
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``; needed when there are several.

    Returns
    -------
    SlcStack
        complex64 in UTM, 5 m by 10 m. Outside the burst the product holds NaN; nothing else is taken as no data.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    ValueError
        If several bursts or polarisations are there and none is named, a date stands twice, the dates differ in
        their grid, or a file is damaged or lacks a data set; the message names file and data set.
    """
    products = _products(source)
    products = _only(products, "burst", burst.upper().replace("_", "-") if burst else None)
    products = _only(products, "polarisation", polarisation.upper() if polarisation else None)
    products.sort(key=lambda product: product.date)
    for earlier, later in itertools.pairwise(products):
        if earlier.date == later.date:
            raise ValueError(f"{earlier.path.name} and {later.path.name} are of the same date; keep one")
    geobox, facts = _common_grid(products)
    return SlcStack(
        dates=tuple(product.date for product in products),
        read=partial(_pixels, tuple(products), geobox.shape),
        geometry=geobox,
        polarisation=products[0].polarisation,
        name=f"{products[0].burst} of {products[0].path.parent}",
        **facts,
    )


def list_bursts(folder: str | os.PathLike[str]) -> dict[str, list[datetime.date]]:
    """Bursts in a folder and the dates of each, sorted."""
    bursts: dict[str, set[datetime.date]] = {}
    for product in _products(folder):
        bursts.setdefault(product.burst, set()).add(product.date)
    return {burst: sorted(dates) for burst, dates in sorted(bursts.items())}


def is_cslc(path: Path) -> bool:
    """Whether a file is named like a CSLC product of one date."""
    return path.suffix == ".h5" and _NAME.search(path.name) is not None


def _products(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[_Product]:
    if isinstance(source, str | os.PathLike):
        folder = Path(source)
        paths = sorted(folder.glob("*.h5")) if folder.is_dir() else [folder]
    else:
        paths = [Path(path) for path in source]
    named = [(path, _NAME.search(path.name)) for path in paths]
    products = [_Product(path, m[1], parse_date(m[2]), m[3]) for path, m in named if m]
    if not products:
        raise FileNotFoundError(f"no OPERA_L2_CSLC-S1_*.h5 file of a date in {source}")
    for product in products:
        if not product.path.is_file():
            raise FileNotFoundError(f"there is no file {product.path}")
    return products


def _only(products: list[_Product], name: str, wanted: str | None) -> list[_Product]:
    present = sorted({getattr(product, name) for product in products})
    if wanted is None and len(present) > 1:
        raise ValueError(f"{name} must be named, as there are several: {', '.join(present)}")
    kept = [product for product in products if wanted in (None, getattr(product, name))]
    if not kept:
        raise ValueError(f"{name} {wanted} is not there; present: {', '.join(present)}")
    return kept


def _common_grid(products: list[_Product]) -> tuple[GeoBox, dict[str, Any]]:
    first, facts = _header(products[0])
    for product in products[1:]:
        other, _ = _header(product)
        if other.shape != first.shape or other.crs != first.crs or not other.affine.almost_equals(first.affine, 1e-3):
            raise ValueError(f"{product.path.name} lies on another grid than {products[0].path.name}")
    return first, facts


def _header(product: _Product) -> tuple[GeoBox, dict[str, Any]]:
    with _open(product.path) as file:
        x, y = _data(file, product.path, "data/x_coordinates"), _data(file, product.path, "data/y_coordinates")
        code = _data(file, product.path, "data/projection")
        pixels = _dataset(file, product.path, f"data/{product.polarisation}")
        if pixels.shape != (y.size, x.size) or pixels.dtype.kind != "c":
            name = f"{product.path.name}: data/{product.polarisation}"
            raise ValueError(f"{name} has shape {pixels.shape} and {pixels.dtype}, its coordinates {(y.size, x.size)}")
        orbit = _optional(file, product.path, "metadata/orbit/orbit_direction")
        wavelength = _optional(file, product.path, "metadata/processing_information/input_burst_metadata/wavelength")
    with _named_faults(product.path, "its grid and facts"):
        facts = {
            "orbit": bytes(orbit).decode().lower() if orbit is not None else None,
            "track": int(product.burst[1:4]),
            "wavelength": None if wavelength is None else float(wavelength),
        }
        return regular_geobox(x, y, f"EPSG:{int(code)}"), facts


def _pixels(
    products: tuple[_Product, ...], shape: tuple[int, int], index: int, rows: slice, cols: slice
) -> NDArray[np.complex64]:
    product = products[index]
    name = f"data/{product.polarisation}"
    with _open(product.path) as file, _named_faults(product.path, name):
        dataset = _dataset(file, product.path, name)
        if dataset.shape != shape:
            raise ValueError(f"it has shape {dataset.shape}, expected {shape}")
        # The caller chose the window, so that only chunks must be small.
        values = read_values(dataset, product.path, (rows, cols), largest=limits.LARGEST_RASTER)
        return np.asarray(values, np.complex64)


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path.name} is no readable HDF5 file: {error}") from error


def _dataset(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    try:
        dataset = file[name]
    except FAULTS as error:
        raise ValueError(f"{path.name} is no complete CSLC product: it has no data set {name}") from error
    with _named_faults(path, name):
        require_own(dataset, path)
        return dataset


def _data(file: h5py.File, path: Path, name: str) -> Any:
    dataset = _dataset(file, path, name)
    with _named_faults(path, name):
        return read_values(dataset, path)


def _optional(file: h5py.File, path: Path, name: str) -> Any:
    with _named_faults(path, name):
        return read_values(file[name], path) if name in file else None


@contextmanager
def _named_faults(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except FAULTS as error:
        raise ValueError(f"{path.name}: {name} cannot be read: {error}") from error
