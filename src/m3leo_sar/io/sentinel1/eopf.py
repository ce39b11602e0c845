"""Sentinel-1 IW single-look complex products as EOPF writes them: Zarr stores with a group per burst.

Layout: EOPF's processor (CPM) 2.7 and 2.8, Zarr v2 with a group per burst and polarisation; 3.0, Zarr v3 with a group
per burst. Pixels are those of the SAFE product, with the carriers of their bursts.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files.complex_values import as_complex
from m3leo_sar.io.files.zarr_products import (
    dimensions_of,
    group_of,
    is_zarr,
    names_in,
    open_array,
    open_zarr,
    plain_zarr_errors,
    read_part,
    read_whole,
)
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile, file_at

_LIGHT = 299_792_458.0
#: Centre frequency of Sentinel-1, Hz.
_FREQUENCY = 5_405_000_454.33435
#: S01SIWSLC_20260618T234807_0014_C050_C079_0116E8_VV_IW1_258173, from CPM 3.0 on without the polarisation.
_GROUP = re.compile(r"S01SIWSLC_(\d{8})T\d{6}_.*?(?:_(VV|VH|HH|HV))?_(IW[123])_(\d+)", re.ASCII)
_UNITS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}


@dataclass(frozen=True, slots=True, eq=False)
class EopfBurst:
    """One burst and polarisation of a product; pixels are read on demand.

    Parameters
    ----------
    store, group : Path or RemoteFile, and str
        Store, and the name of the group in it.
    swath, polarisation : str
        Such as ``"IW3"`` and ``"VV"``.
    burst : int
        Identifier of the burst on the ground, equal on all dates.
    plane : int or None
        Position along the axis of polarisations, None if there is no such axis.
    shape : (int, int)
        Lines and samples.
    epoch : datetime.datetime
        UTC that the times of ``radar_grid`` and of the orbit count from in seconds.
    radar_grid : RadarGrid
    first_valid, last_valid : (lines,) int
        First and last valid column of each row; -1 for a row without valid pixels.
    """

    store: AnyFile
    group: str
    swath: str
    polarisation: str
    burst: int
    plane: int | None
    shape: tuple[int, int]
    epoch: datetime.datetime
    radar_grid: RadarGrid
    first_valid: NDArray[np.int64]
    last_valid: NDArray[np.int64]

    def orbit(self) -> Orbit:
        """State vectors of the product, with times since ``epoch``.

        Raises
        ------
        ValueError
            If they cannot be read, or are no orbit.
        """
        with plain_zarr_errors(self.store):
            return _orbit(self.store, self.group, self.epoch)

    def read(self, rows: slice = slice(None), cols: slice = slice(None)) -> NDArray[np.complex64]:
        """Pixels of the burst, or of a part of it; those annotated as invalid are NaN.

        Raises
        ------
        ValueError
            If the pixels cannot be read.
        """
        rows, cols = (slice(*part.indices(size)[:2]) for part, size in zip((rows, cols), self.shape, strict=True))
        part: tuple[Any, ...] = (rows, cols) if self.plane is None else (self.plane, rows, cols)
        with plain_zarr_errors(self.store):
            whole = open_array(self.store, f"{self.group}/measurements/slc").shape
        pixels = as_complex(read_part(self.store, f"{self.group}/measurements/slc", part, whole)).astype(np.complex64)
        column = np.arange(cols.start, cols.stop)
        low, high = self.first_valid[rows, None], self.last_valid[rows, None]
        pixels[(low < 0) | (column < low) | (column > high)] = complex(np.nan, np.nan)
        return pixels


def _orbit(store: AnyFile, group: str, epoch: datetime.datetime) -> Orbit:
    _, times = _times(store, f"{group}/conditions/orbit/azimuth_time", epoch)
    return Orbit(
        times,
        *(
            read_whole(store, f"{group}/conditions/orbit/{name}").astype(np.float64)
            for name in ("position", "velocity")
        ),
    )


def is_eopf(path: AnyFile) -> bool:
    """Whether a folder, of this machine or on a server, is a Sentinel-1 IW product of EOPF."""
    return is_zarr(path) and any(_GROUP.fullmatch(name) for name in names_in(path))


def open_eopf(
    path: str | os.PathLike[str], *, swath: str | None = None, polarisation: str | None = None
) -> list[EopfBurst]:
    """Bursts of a product in order of their identifiers.

    Parameters
    ----------
    path : path
        The store, ``S1C_IW_SLC__1SDV_*.zarr``, or its address on a server.
    swath, polarisation : str, optional
        Such as ``"IW1"`` and ``"VV"``; by default all.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is no such product, has none of these bursts, or is damaged.
    """
    store = file_at(path)
    if not isinstance(store, RemoteFile) and not store.is_dir():
        raise FileNotFoundError(f"there is no folder {store}")
    if not is_eopf(store):
        raise ValueError(f"{store.name} is not a Sentinel-1 IW product of EOPF: it has no groups S01SIWSLC_*")
    with plain_zarr_errors(store):
        open_zarr(store)
        found = [
            burst
            for group in names_in(store)
            if (name := _GROUP.fullmatch(group)) is not None and swath in (None, name[3])
            for burst in _bursts(store, group, name, polarisation)
        ]
    if not found:
        raise ValueError(f"{store.name} has no burst of swath {swath} and polarisation {polarisation}")
    return sorted(found, key=lambda one: (one.swath, one.burst, one.polarisation))


def _bursts(store: AnyFile, group: str, name: re.Match[str], wanted: str | None) -> Iterator[EopfBurst]:
    root = group_of(store, group)
    slc = open_array(store, f"{group}/measurements/slc")
    shape = slc.shape[-2], slc.shape[-1]
    if dimensions_of(slc)[:1] == ("polarization",):
        names = [str(text) for text in read_whole(store, f"{group}/measurements/polarization")]
    else:
        names = [str(name[2])]
    for plane, polarisation in enumerate(names):
        if wanted is not None and polarisation != wanted.upper():
            continue
        epoch, times = _times(store, f"{group}/measurements/azimuth_time")
        ranges = read_whole(store, f"{group}/measurements/slant_range_time").astype(np.float64)
        if times.shape != shape[:1] or ranges.shape != shape[1:]:
            raise ValueError(f"{group}: slc has shape {shape}, its times {times.shape} and {ranges.shape}")
        first, last = _valid(store, group, root, polarisation, shape[0])
        yield EopfBurst(
            store=store,
            group=group,
            swath=name[3],
            polarisation=polarisation,
            burst=int(name[4]),
            plane=plane if slc.ndim == 3 else None,
            shape=shape,
            epoch=epoch,
            radar_grid=RadarGrid(
                shape,
                azimuth_time=float(times[0]),
                azimuth_interval=float((times[-1] - times[0]) / (len(times) - 1)),
                slant_range=float(ranges[0]) * _LIGHT / 2,
                range_spacing=float((ranges[-1] - ranges[0]) / (len(ranges) - 1)) * _LIGHT / 2,
                wavelength=_LIGHT / _FREQUENCY,
            ),
            first_valid=first,
            last_valid=last,
        )


def _times(
    store: AnyFile, name: str, epoch: datetime.datetime | None = None
) -> tuple[datetime.datetime, NDArray[np.float64]]:
    """Epoch of a time axis, and its seconds since then or since the given one: epochs differ from group to group."""
    units = str(open_array(store, name).attrs.get("units", "")).strip()
    since = re.fullmatch(r"(\w+) since (.+)", units)
    if since is None or since[1] not in _UNITS:
        raise ValueError(f"{name} must count from a time, got units {units!r}")
    start = datetime.datetime.fromisoformat(since[2][:26])
    seconds = read_whole(store, name).astype(np.float64) * _UNITS[since[1]]
    return (start, seconds) if epoch is None else (epoch, seconds + (start - epoch).total_seconds())


def _valid(
    store: AnyFile, group: str, root: zarr.Group, polarisation: str, lines: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last valid column of each row, from arrays or, from CPM 3.0 on, from attributes."""
    found = []
    for name in ("first_valid_sample", "last_valid_sample"):
        if f"conditions/burst_info/{name}" in root:
            values = read_whole(store, f"{group}/conditions/burst_info/{name}")
        else:
            attributes: Mapping[str, Any] = dict(root.attrs)
            metadata = attributes.get("other_metadata", {})
            values = np.asarray(metadata[polarisation]["burst_timing"][name], np.float64)
        if values.shape != (lines,) or not np.isfinite(values).all():
            raise ValueError(f"{name} must hold a number for each of {lines} lines, got shape {values.shape}")
        found.append(values.astype(np.int64))
    return found[0], found[1]
