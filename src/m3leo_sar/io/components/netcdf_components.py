"""The netCDF components of M3LEO's release: GSSIC, AGB and GUNW, decoded to physical units, with named bands."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import SEASONS, Band
from m3leo_sar.io.components.component import ComponentChip
from m3leo_sar.io.files.hdf5_values import FAULTS, as_float32, open_hdf5, own_group, read_values


def read_gssic(path: str | os.PathLike[str]) -> ComponentChip:
    """Read a GSSIC chip: seasonal amplitudes and coherences and the decay model of Sentinel-1.

    The grid is that of the coordinates ``x`` and ``y``; the transform in these files is wrong and ignored. Seasons are
    in the order winter, spring, summer, fall, whatever the order in the file.

    Parameters
    ----------
    path : str or path
        netCDF4 file.

    Returns
    -------
    ComponentChip
        amplitude (gamma nought, dB: 20 log10 of the stored number minus 83) per season and polarisation, coherence (the
        number / 100) per season and lag, rho, tau (days) and rmse (each the number / 1000) per season, incidence
        (degrees) and the layover and shadow mask.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or lacks a variable.

    References
    ----------
    Kellndorfer et al., 2022, Scientific Data 9, 73.
    """
    with _opened(path) as file:
        seasons, pols = _labels(file, "season"), _labels(file, "polarimetry")
        lags = [int(lag) for lag in np.ravel(_values(file, "deltadays"))]
        parameters, features = _labels(file, "param"), _labels(file, "feature")
        box = _regular(_values(file, "x"), _values(file, "y"))
        places = {season: seasons.index(season) for season in SEASONS}
        axes = {"amplitude": (4, len(pols)), "coherence": (4, len(lags)), "decaymodel": (4, len(parameters))}
        shapes = {name: (*leading, *box.shape) for name, leading in axes.items()} | {
            "geometry": (len(features), *box.shape)
        }
        stored = {name: _shaped(file, name, shape) for name, shape in shapes.items()}
    planes: list[NDArray[Any]] = []
    bands: list[Band] = []

    def add(plane: NDArray[Any], *facts: Any) -> None:
        planes.append(plane.astype(np.float32))
        bands.append(Band(facts[0], facts[1], facts[2], "gssic", None, *facts[3:]))

    for season in SEASONS:
        at = places[season]
        for number, pol in enumerate(pols):
            amplitude = stored["amplitude"][at, number]
            with np.errstate(divide="ignore", invalid="ignore"):
                add(20 * np.log10(np.where(amplitude > 0, amplitude, np.nan)) - 83,
                    f"{season}_{pol}_amplitude", "gamma0", "dB", season, pol.upper())  # fmt: skip
        for number, lag in enumerate(lags):
            add(stored["coherence"][at, number] / 100, f"{season}_coherence_{lag}", "coherence", "1", season, "VV")
        for number, parameter in enumerate(parameters):
            unit = "day" if parameter == "tau" else "1"
            add(stored["decaymodel"][at, number] / 1000, f"{season}_{parameter}", parameter, unit, season, "VV")
    for number, feature in enumerate(features):
        unit, quantity = ("degree", "incidence") if feature == "inc" else ("class", "layover and shadow")
        add(stored["geometry"][number], feature, quantity, unit)
    array = np.stack(planes)
    return ComponentChip(array, ~np.isnan(array), box, tuple(bands), _gssic_notes(array, bands))


def read_agb(path: str | os.PathLike[str], *, year: int | None = None) -> ComponentChip:
    """Read an above-ground biomass chip and its standard error, Mg/ha.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or lacks a variable.
    """
    with _opened(path) as file:
        box = _regular(_values(file, "lon"), _values(file, "lat"))
        array = np.stack([_plane(file, name, box.shape) for name in ("agb", "agb_se")])
    mask = np.isfinite(array) & (array >= 0)
    bands = (
        Band("agb", "above-ground biomass", "Mg/ha", "agb", year),
        Band("agb_se", "standard error of biomass", "Mg/ha", "agb", year),
    )
    return ComponentChip(np.where(mask, array, np.float32(np.nan)), mask, box, bands)


def read_gunw(path: str | os.PathLike[str]) -> ComponentChip:
    """Read a GUNW chip: unwrapped phase, coherence, amplitude and connected components of each pair.

    Pairs are sorted by their dates; names have the later date first in the file and the earlier first here, as in
    :class:`m3leo_sar.Pair`. The days between dates come from the dates, as ``deltadays`` is not in their order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, lacks a variable, or a pair lacks two dates.

    Notes
    -----
    Phase keeps the sign and the reference of the product.
    """
    quantities = {
        "unwrappedPhase": ("unwrapped phase", "rad"),
        "coherence": ("coherence", "1"),
        "amplitude": ("amplitude", "1"),
        "connectedComponents": ("connected component", "class"),
    }
    with _opened(path) as file:
        data = own_group(file, "science/grids/data")
        box = _regular(_values(data, "longitude"), _values(data, "latitude"))
        names = _pair_names(file, data)
        extra = own_group(file, "science/extraMetaData") if "science/extraMetaData" in file else {}
        ways = _labels(extra, "direction") if "direction" in extra else [""] * len(names)
        pairs = [_pair(name) for name in names]
        if len(set(pairs)) != len(pairs) or not pairs:
            raise ValueError(f"datepair must name each pair once, got {', '.join(names) or 'none'}")
        if len(ways) != len(pairs):
            raise ValueError(f"direction must be one per pair, {len(pairs)}, got {len(ways)}")
        stored = {name: _shaped(data, name, (len(pairs), *box.shape)) for name in quantities}
    planes, bands = [], []
    for index in sorted(range(len(pairs)), key=lambda index: pairs[index]):
        earlier, later = pairs[index]
        way = {"A": "ascending", "D": "descending"}.get(ways[index])
        for name, (quantity, unit) in quantities.items():
            period = f"{earlier:%Y%m%d}_{later:%Y%m%d}"
            planes.append(stored[name][index])
            bands.append(Band(f"{name}_{period}", quantity, unit, "gunw", None, period, "VV", way))
    array = np.stack(planes)
    # Fill values upstream: 0 for the first three, -1 for components.
    fill = np.array([-1.0 if band.unit == "class" else 0.0 for band in bands], np.float32)[:, None, None]
    mask = np.isfinite(array) & (array != fill)
    return ComponentChip(np.where(mask, array, np.float32(np.nan)), mask, box, tuple(bands))


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An HDF5 file; errors name the file."""
    with open_hdf5(path, kind="netCDF4 file") as file:
        try:
            yield file
        except FAULTS as error:
            detail = error.args[0] if error.args else error
            raise ValueError(f"{Path(path).name} is not a chip of this component: {detail}") from error


def _labels(group: Mapping[str, Any], name: str) -> list[str]:
    return [label.decode() if isinstance(label, bytes) else str(label) for label in np.ravel(_values(group, name))]


def _values(group: Any, name: str) -> NDArray[Any]:
    return np.asarray(read_values(group[name], group.file.filename))


def _regular(x: NDArray[Any], y: NDArray[Any]) -> GeoBox:
    """Grid of evenly spaced centres, north up or down as in the file."""
    steps = []
    for name, axis in (("x", x), ("y", y)):
        if axis.ndim != 1 or len(axis) < 2:
            raise ValueError(f"{name} must hold at least two centres, got shape {axis.shape}")
        if axis.dtype.kind not in "fiu" or not np.isfinite(axis).all():
            raise ValueError(f"{name} must be numbers that are finite")
        axis = axis.astype(np.float64)
        step = (axis[-1] - axis[0]) / (len(axis) - 1)
        if step == 0 or not np.allclose(np.diff(axis), step, rtol=1e-3):
            raise ValueError(f"{name} must be evenly spaced")
        steps.append(float(step))
    affine = (steps[0], 0.0, float(x[0]) - steps[0] / 2, 0.0, steps[1], float(y[0]) - steps[1] / 2)
    return GeoBox((len(y), len(x)), affine, "EPSG:4326")  # type: ignore[arg-type]


def _shaped(group: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = as_float32(_values(group, name))
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {values.shape}")
    return values


def _plane(group: Any, name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    plane = as_float32(_values(group, name)).squeeze()
    if plane.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {plane.shape}")
    return plane


def _pair_names(file: Any, data: Any) -> list[str]:
    for place in (data, file):
        if "datepair" in place:
            return _labels(place, "datepair")
    raise ValueError("datepair is missing")


def _pair(name: str) -> tuple[datetime.date, datetime.date]:
    try:
        dates = sorted(datetime.datetime.strptime(part, "%Y%m%d").date() for part in name.split("_"))
    except ValueError as error:
        raise ValueError(f"datepair must be two dates, got {name!r}: {error}") from error
    if len(dates) != 2 or dates[0] == dates[1]:
        raise ValueError(f"datepair must be two dates, got {name!r}")
    return dates[0], dates[1]


def _gssic_notes(array: NDArray[np.float32], bands: list[Band]) -> tuple[str, ...]:
    """Notes on coherence outside [0, 1], which shows that the numbers have another meaning."""
    planes = array[[band.quantity == "coherence" for band in bands]]
    beyond = int(((planes < 0) | (planes > 1)).sum())
    return (f"{beyond} coherences lie outside [0, 1]",) if beyond else ()
