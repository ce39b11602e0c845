"""MiaplPy: ``inputs/slcStack.h5`` holds all dates, ``inputs/geometryRadar.h5`` the positions of the pixels."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.complex_values import as_complex, complex_dtype
from m3leo_sar.io.files.hdf5_values import open_hdf5, read_values
from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.stacks.hdf5_products import dataset_of, hdf5_files, holds, image_of, value_of
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, layered_geometry
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.polarisation import POLARISATIONS

_GEOMETRY = "geometryRadar.h5"
_LAYERS = {"latitude": "latitude", "longitude": "longitude", "height": "height", "incidence": "incidenceAngle"}


def _find(place: Path) -> list[Path]:
    paths = [place] if place.is_file() else [place / "inputs" / "slcStack.h5", place / "slcStack.h5"]
    if place.is_dir():
        paths += [path for path in hdf5_files(place) if path.name.lower().startswith("slcstack")]
    found = [path for path in dict.fromkeys(paths) if path.is_file() and path.suffix.lower() == ".h5"]
    return [path for path in found if path.name == "slcStack.h5" or (holds(path, "slc") and holds(path, "date"))][:1]


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "MiaplPy's slcStack.h5")
    path = products[0].path.absolute()
    with open_hdf5(path) as file:
        slc = dataset_of(file, path, "slc")
        days = value_of(file, path, "date")
        dtype = complex_dtype(slc.dtype)
        if slc.ndim != 3 or dtype is None or days is None or np.shape(days) != slc.shape[:1]:
            raise ValueError(
                f"{path.name}: slc must be complex (dates, rows, cols) with as many dates, got {slc.dtype} of shape "
                f"{slc.shape} and {np.size(days) if days is not None else 'no'} dates"
            )
        shape, facts, polarisation = slc.shape[1:], _facts(file), _attribute(file, "POLARIZATION").upper()
    dates = [_date(path, day) for day in days]
    images = [
        StackImage(
            path=path,
            date=date,
            shape=shape,
            read=partial(_pixels, path, index, slc_shape),
            dtype=dtype,
            polarisation=polarisation if polarisation in POLARISATIONS else None,
            facts=facts,
        )
        for slc_shape in [(len(dates), *shape)]
        for index, date in enumerate(dates)
    ]
    positions = path.with_name(_GEOMETRY)
    return open_images(
        images,
        choice,
        geometry=partial(_positions, positions),
        geometry_files=(positions,) if positions.is_file() else (),
        zero_is_value=False,
    )


def _date(path: Path, day: Any) -> datetime.date:
    try:
        return parse_date(day.decode("ascii") if isinstance(day, bytes) else str(day))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _attribute(file: h5py.File, name: str) -> str:
    value = file.attrs.get(name, "")
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _facts(file: h5py.File) -> dict[str, Any]:
    """Orbit and wavelength from the attributes that MintPy and MiaplPy write."""
    orbit, wavelength = _attribute(file, "ORBIT_DIRECTION").lower(), _attribute(file, "WAVELENGTH")
    facts: dict[str, Any] = {"orbit": orbit} if orbit in ("ascending", "descending") else {}
    try:
        return facts | {"wavelength": float(wavelength)}
    except ValueError:
        return facts


def _pixels(path: Path, index: int, shape: tuple[int, ...], rows: slice, cols: slice) -> NDArray[Any]:
    """Pixels of a date; zeros, which lie outside the bursts, are NaN."""
    with open_hdf5(path) as file:
        slc = image_of(file, path, "slc", shape)
        part = (slice(index, index + 1), rows, cols)
        return as_valid(as_complex(read_values(slc, path, part, largest=limits.LARGEST_RASTER)[0]), 0)


def _positions(path: Path, shape: tuple[int, int]) -> Geometry:
    if not path.is_file():
        raise ValueError(
            f"positions of the pixels are not there: expected {_GEOMETRY} beside slcStack.h5; or {HOW_TO_STATE}"
        )
    with open_hdf5(path) as file:
        names = {name: layer for name, layer in _LAYERS.items() if layer in file}
        for layer in (*names.values(), "latitude", "longitude"):
            if dataset_of(file, path, layer).shape != shape:
                raise ValueError(f"{path.name}: {layer} has shape {file[layer].shape}, the images {shape}")
    return layered_geometry(shape, {name: partial(_layer, path, layer) for name, layer in names.items()})


def _layer(path: Path, name: str, rows: slice, cols: slice) -> NDArray[Any]:
    with open_hdf5(path) as file:
        return np.asarray(read_values(dataset_of(file, path, name), path, (rows, cols), largest=limits.LARGEST_RASTER))


MIAPLPY = StackReader(
    name="miaplpy",
    holds="MiaplPy's slcStack.h5",
    expects="the project, or its folder inputs with slcStack.h5 and geometryRadar.h5",
    find=_find,
    open=_open,
)
