"""OPERA CSLC-S1: geocoded, co-registered Sentinel-1 bursts in HDF5, one file per burst, date and polarisation."""

from __future__ import annotations

import datetime
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.joint_grid import is_same_grid
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.hdf5_values import FAULTS, open_hdf5, read_values, require_own
from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.remote.remote_address import AnyFile, file_at
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS, compressed_text, is_compressed
from m3leo_sar.io.stacks.cslc_name import CslcName, burst_name, parse_cslc_name
from m3leo_sar.io.stacks.image_choice import newest_of_each_date, only
from m3leo_sar.io.stacks.refused_kind import refused_kind
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.io.stacks.zero_lines import ZeroLines
from m3leo_sar.stack.slc import SlcStack

_PROCESSING = "metadata/processing_information"
#: Entries that describe the processing of a date, and suffixes of those where a difference destroys coherence.
_PARAMETERS = f"{_PROCESSING}/parameters"
_FLATTENING = "flattening_applied"


@dataclass(frozen=True, slots=True)
class CslcProduct:
    """One polarisation of a single-date product."""

    path: AnyFile
    name: CslcName
    polarisation: str

    @property
    def burst(self) -> str:
        """Such as ``T087-185683-IW2``."""
        return self.name.burst

    @property
    def date(self) -> datetime.date:
        """UTC date of the start of the burst."""
        return self.name.date


@dataclass(frozen=True, slots=True)
class _Header:
    geobox: GeoBox
    facts: dict[str, Any]
    #: Processing parameters, such as ``azimuth_fm_rate_applied``: True.
    parameters: dict[str, Any]
    time: datetime.datetime | None


def read_cslc_stack(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    burst: str | None = None,
    polarisation: str | None = None,
    nodata: float | None = None,
) -> SlcStack:
    """Open the dates of one burst as a stack; pixels are read when a window is requested.

    Parameters
    ----------
    source
        A folder of ``OPERA_L2_CSLC-S1_*.h5`` files or of files with COMPASS names
        (``t087_185683_iw2_20221228.h5``, also in its folders per burst and date), or the files.
    burst : str, optional
        Such as ``"T087-185683-IW2"`` or ``"t087_185683_iw2"``; needed when there are several.
    polarisation : str, optional
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``; needed when there are several.
    nodata : float, optional
        No-data value in addition to NaN.

    Returns
    -------
    SlcStack
        complex64 in UTM, 5 m by 10 m, with acquisition times where the products state them. Outside the burst the
        product contains NaN; nothing else is treated as no data.

    Warns
    -----
    UserWarning
        If a date was processed more than once (the newest is used), compressed products are left out, dates differ in
        processing parameters other than flattening, or entire lines are exactly zero.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    ValueError
        If there are several bursts or polarisations and none is specified, the dates differ in their grid or in their
        flattening, which destroys coherence, or a file is damaged or lacks a data set; the message names the file.
    """
    return _stack(choose_products(source, burst=burst, polarisation=polarisation), nodata)


def _stack(products: list[CslcProduct], nodata: float | None) -> SlcStack:
    headers = [_header(product) for product in products]
    _require_alike(products, headers)
    times = [header.time for header in headers]
    first = headers[0]
    return SlcStack(
        dates=tuple(product.date for product in products),
        read=partial(_pixels, tuple(products), first.geobox.shape, nodata, ZeroLines()),
        geometry=first.geobox,
        polarisation=products[0].polarisation,
        times=None if None in times else tuple(times),  # type: ignore[arg-type]
        platforms=tuple(product.name.platform for product in products),
        burst=products[0].burst,
        flattened=_is_flat(first.parameters),
        name=f"{products[0].burst} of {products[0].path.parent}",
        **first.facts,
    )


def _open_cslc(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("frequency", "geometry"), "a CSLC-S1 product")
    # Links are not resolved: their names hold the dates.
    present = _products([product.path.absolute() for product in products])
    chosen = _chosen(present, choice.burst, choice.polarisation)
    burst = [product for product in present if product.burst == chosen[0].burst]
    return OpenedStack(
        stack=_stack(chosen, choice.nodata),
        products=tuple(Product(product.path, product.date) for product in chosen),
        files=lambda: {f"{product.date:%Y%m%d}": (product.path,) for product in chosen},
        chosen=Choice(burst=chosen[0].burst, polarisation=chosen[0].polarisation, nodata=choice.nodata),
        polarisations=tuple(sorted({product.polarisation for product in burst})),
    )


def choose_products(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    burst: str | None = None,
    polarisation: str | None = None,
) -> list[CslcProduct]:
    """Products of one burst and polarisation in order of date, the newest per date.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_cslc_stack`.
    """
    return _chosen(_products(source), burst, polarisation)


def _chosen(products: list[CslcProduct], burst: str | None, polarisation: str | None) -> list[CslcProduct]:
    products = only(products, "burst", burst_name(burst) if burst else None)
    products = only(products, "polarisation", polarisation.upper() if polarisation else None)
    return newest_of_each_date(products, lambda product: (product.name.processed, product.name.version))


def list_bursts(folder: str | os.PathLike[str]) -> dict[str, list[datetime.date]]:
    """Bursts in a folder and the dates of each, sorted."""
    bursts: dict[str, set[datetime.date]] = {}
    for product in _products(folder):
        bursts.setdefault(product.burst, set()).add(product.date)
    return {burst: sorted(dates) for burst, dates in sorted(bursts.items())}


def is_cslc(path: Path) -> bool:
    """Whether a file is named like a single-date CSLC product."""
    return parse_cslc_name(path) is not None


def cslc_paths(folder: Path) -> list[Path]:
    """Products of a folder or, if it has none, of its folders two levels down, the layout of COMPASS."""
    if folder.is_file():
        return [folder] if is_cslc(folder) else []
    for pattern in ("*", "*/*", "*/*/*"):
        found = sorted(path for path in folder.glob(pattern) if is_cslc(path))
        if found:
            return found
    return []


def _products(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[CslcProduct]:
    if isinstance(source, str | os.PathLike):
        folder = Path(source)
        paths: list[AnyFile] = [*cslc_paths(folder)] if folder.is_dir() else [folder]
    else:
        paths = [file_at(path) for path in source]
    named = [(path, parse_cslc_name(path)) for path in paths]
    _warn_of_compressed([path for path, name in named if name])
    products = [product for path, name in named if name for product in _of_file(path, name)]
    if not products:
        raise FileNotFoundError(f"no CSLC-S1 file of a date (OPERA_L2_CSLC-S1_*.h5, t087_185683_iw2_*.h5) in {source}")
    return products


def _warn_of_compressed(paths: Sequence[AnyFile]) -> None:
    """List compressed products in folders of which every single date is taken: they are left out."""
    taken = {path.absolute() for path in paths if isinstance(path, Path)}
    for folder in sorted({path.parent for path in taken if path.parent.is_dir()}):
        files = sorted(folder.glob("*.h5"))
        left = [path for path in files if is_compressed(path.name)]
        if left and taken >= {path for path in files if is_cslc(path)}:
            warnings.warn(compressed_text(left), stacklevel=4)


def _of_file(path: AnyFile, name: CslcName) -> list[CslcProduct]:
    """Products in a file: the one of the polarisation in its name, or all that it contains."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if name.polarisation is not None:
        return [CslcProduct(path, name, name.polarisation)]
    with open_hdf5(path) as file:
        held = [word for word in POLARISATIONS if f"data/{word}" in file]
    if not held:
        raise ValueError(
            f"{path.name} is not a complete CSLC product: it has no data set data/VV or of another polarisation"
        )
    return [CslcProduct(path, name, word) for word in held]


def _require_alike(products: list[CslcProduct], headers: list[_Header]) -> None:
    """Reject dates whose grid, flattening or wavelength differs from the first; warn about other differences."""
    first = headers[0]
    unlike: dict[str, list[str]] = {}
    for product, header in zip(products, headers, strict=True):
        if not is_same_grid(header.geobox, first.geobox):
            raise ValueError(f"{product.path.name} lies on another grid than {products[0].path.name}")
        for name, value in first.facts.items():
            if not _is_alike(value, header.facts[name]):
                raise ValueError(f"{name} of {product.path.name} is {header.facts[name]}, of the first date {value}")
        for name in sorted(first.parameters.keys() & header.parameters.keys()):
            if header.parameters[name] != first.parameters[name]:
                unlike.setdefault(name, []).append(f"{product.date} {header.parameters[name]}")
    for name, values in unlike.items():
        text = f"{name} is {first.parameters[name]} for {products[0].date}, but {', '.join(values[:3])}"
        if name.endswith(_FLATTENING):
            raise ValueError(
                f"the dates of {products[0].burst} are flattened differently, which leaves no coherence: {text}; "
                "use products of one kind"
            )
        warnings.warn(f"the dates of {products[0].burst} were processed differently: {text}", stacklevel=3)


def _is_alike(value: Any, other: Any) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return math.isclose(value, other, rel_tol=1e-4)
    return value is None or other is None or value == other


def _header(product: CslcProduct) -> _Header:
    path = product.path
    with open_hdf5(path) as file:
        x, y = _data(file, path, "data/x_coordinates"), _data(file, path, "data/y_coordinates")
        code = _data(file, path, "data/projection")
        pixels = _dataset(file, path, f"data/{product.polarisation}")
        if pixels.shape != (y.size, x.size) or pixels.dtype.kind != "c":
            name = f"{path.name}: data/{product.polarisation}"
            raise ValueError(f"{name} has shape {pixels.shape} and {pixels.dtype}, its coordinates {(y.size, x.size)}")
        orbit = _optional(file, path, "metadata/orbit/orbit_direction")
        wavelength = _optional(file, path, f"{_PROCESSING}/input_burst_metadata/wavelength")
        begins = _optional(file, path, "identification/zero_doppler_start_time")
        parameters = _parameters(file, path)
        facts = {
            "orbit": None if orbit is None else _text(orbit).lower(),
            "track": int(product.burst[1:4]),
            "wavelength": None if wavelength is None else float(wavelength),
        }
        return _Header(regular_geobox(x, y, f"EPSG:{int(code)}"), facts, parameters, _time(product, begins))


def _parameters(file: h5py.File, path: AnyFile) -> dict[str, Any]:
    """Scalars of the group of processing parameters of a product; none if there are none."""
    group = file.get(_PARAMETERS)
    if not isinstance(group, h5py.Group):
        return {}
    found = {}
    for name, dataset in group.items():
        if isinstance(dataset, h5py.Dataset) and dataset.shape == ():
            value = read_values(dataset, path)
            found[name] = _text(value) if isinstance(value, bytes | str) else np.asarray(value).item()
    return found


def _is_flat(parameters: Mapping[str, Any]) -> bool | None:
    """Whether the phase of flat earth and terrain is taken off, by the entries on it; None if there are none."""
    stated = [_text(value).lower() for name, value in parameters.items() if name.endswith(_FLATTENING)]
    return None if not stated else all(value in ("true", "1") for value in stated)


def _time(product: CslcProduct, begins: Any) -> datetime.datetime | None:
    """Start time of the burst, UTC, from the name, or from the file if both have the same date."""
    if product.name.time is not None:
        return datetime.datetime.combine(product.date, product.name.time)
    try:
        time = datetime.datetime.fromisoformat(_text(begins)[:26])
    except (ValueError, TypeError):
        return None
    return time if time.date() == product.date and time.tzinfo is None else None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _pixels(
    products: tuple[CslcProduct, ...],
    shape: tuple[int, int],
    nodata: float | None,
    zeros: ZeroLines,
    index: int,
    rows: slice,
    cols: slice,
) -> NDArray[np.complex64]:
    product = products[index]
    name = f"data/{product.polarisation}"
    with open_hdf5(product.path) as file:
        dataset = _dataset(file, product.path, name)
        try:
            if dataset.shape != shape:
                raise ValueError(f"it has shape {dataset.shape}, expected {shape}")
            # The caller chose the window, so only chunks must be small.
            values = read_values(dataset, product.path, (rows, cols), largest=limits.LARGEST_RASTER)
        except FAULTS as error:
            raise ValueError(f"{product.path.name}: {name} cannot be read: {error}") from error
    pixels = as_valid(np.asarray(values, np.complex64), nodata)
    if nodata != 0:
        zeros.look(pixels, rows, product.path.name, width=shape[1])
    return pixels


def _dataset(file: h5py.File, path: AnyFile, name: str) -> h5py.Dataset:
    try:
        dataset = file[name]
    except FAULTS as error:
        raise ValueError(f"{path.name} is not a complete CSLC product: it has no data set {name}") from error
    try:
        require_own(dataset, path)
    except FAULTS as error:
        raise ValueError(f"{path.name}: {name} cannot be read: {error}") from error
    return dataset


def _data(file: h5py.File, path: AnyFile, name: str) -> Any:
    dataset = _dataset(file, path, name)
    try:
        return read_values(dataset, path)
    except FAULTS as error:
        raise ValueError(f"{path.name}: {name} cannot be read: {error}") from error


def _optional(file: h5py.File, path: AnyFile, name: str) -> Any:
    return _data(file, path, name) if name in file else None


CSLC = StackReader(
    name="cslc",
    holds="OPERA CSLC-S1",
    expects="a folder of OPERA_L2_CSLC-S1_*.h5, or COMPASS's folders t087_185683_iw2/20221228/",
    find=cslc_paths,
    open=_open_cslc,
    is_far=True,
)


def _find_static(place: Path) -> list[Path]:
    inside = [place] if place.is_file() else sorted(place.iterdir())
    return [path for path in inside if "CSLC-S1-STATIC" in path.name.upper() and path.suffix.lower() == ".h5"]


CSLC_STATIC = refused_kind(
    "cslc-static",
    "an OPERA CSLC-S1-STATIC",
    _find_static,
    "it holds the geometry of a burst and no date; the dates are OPERA_L2_CSLC-S1_T*.h5",
)
