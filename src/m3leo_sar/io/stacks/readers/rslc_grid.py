"""Radar grid, orbit and positions of NISAR RSLC products.

Layout: NISAR L1 RSLC product specification, revisions 1.1.0 to 1.5.0 (JPL D-102268).
"""

from __future__ import annotations

import datetime
import re
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.projection import transformer_between
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files.hdf5_values import open_hdf5
from m3leo_sar.io.remote.remote_address import AnyFile, file_at
from m3leo_sar.io.stacks.hdf5_products import text_of, value_of
from m3leo_sar.io.stacks.readers.nisar_product import BANDS
from m3leo_sar.stack.geometry import OrbitGeometry

#: Metres per second.
_LIGHT = 299_792_458.0
#: Names of the group: SLC in samples of before the first specification.
_KINDS = ("RSLC", "SLC")


class RslcSwath(NamedTuple):
    """Radar grid of a frequency band of a file."""

    path: AnyFile
    #: Group of the product, such as ``"science/LSAR/RSLC"``, and of the band within it.
    root: str
    group: str
    epoch: datetime.datetime
    grid: RadarGrid
    #: Metres from line to line on the ground.
    line: float


class RslcMesh(NamedTuple):
    """Positions at nodes of a coarse grid."""

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    layers: dict[str, NDArray[np.float64]]


def rslc_geometry(path: Any, dem: NDArray[np.floating], dem_geobox: GeoBox, *, frequency: str = "A") -> OrbitGeometry:
    """Geometry of a product over a terrain, for ``open_stack(..., geometry=)``.

    Parameters
    ----------
    path : path
        A product, also on a server.
    dem : (rows, cols) float32 or float64
        Heights in metres above the WGS 84 ellipsoid, NaN where unknown.
    dem_geobox : GeoBox
        Grid of the terrain.
    frequency : {"A", "B"}
        Frequency band.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no RSLC, has no such band, or its orbit does not cover the image.
    """
    place = file_at(path)
    with open_hdf5(place) as file:
        root = root_of(file, place)
        swath = swath_of(file, place, root, frequency.upper())
        orbit = _orbit(file, place, root, swath.epoch)
    return OrbitGeometry(orbit, swath.grid, dem, dem_geobox)


def root_of(file: h5py.File, path: AnyFile) -> str:
    """Group of a product, such as ``"science/LSAR/RSLC"``; ValueError if the file is none."""
    for name in (f"science/{band}/{kind}" for band in BANDS for kind in _KINDS):
        if f"{name}/swaths" in file:
            return name
    raise ValueError(f"{path.name} is not a complete NISAR RSLC: it has no group science/LSAR/RSLC/swaths")


def swath_of(file: h5py.File, path: AnyFile, root: str, letter: str) -> RslcSwath:
    """Radar grid of a frequency band; ValueError if it is missing or incomplete."""
    group = f"{root}/swaths/frequency{letter}"
    if group not in file:
        raise ValueError(f"{path.name} has no frequency band {letter}")
    epoch, times = _times(file, path, f"{root}/swaths/zeroDopplerTime")
    ranges = _axis(file, path, f"{group}/slantRange")
    frequency = value_of(file, path, f"{group}/processedCenterFrequency")
    if frequency is None:
        raise ValueError(f"{path.name} has no data set {group}/processedCenterFrequency")
    line = value_of(file, path, f"{group}/sceneCenterAlongTrackSpacing")
    look = text_of(file, path, f"{root.rpartition('/')[0]}/identification/lookDirection")
    grid = RadarGrid(
        (times.size, ranges.size),
        azimuth_time=float(times[0]),
        azimuth_interval=float((times[-1] - times[0]) / (times.size - 1)),
        slant_range=float(ranges[0]),
        range_spacing=float((ranges[-1] - ranges[0]) / (ranges.size - 1)),
        wavelength=_LIGHT / float(frequency),
        look="right" if (look or "left").lower() == "right" else "left",
    )
    return RslcSwath(path, root, group, epoch, grid, float("inf") if line is None else float(line))


def _axis(file: h5py.File, path: AnyFile, name: str) -> NDArray[np.float64]:
    values = value_of(file, path, name)
    axis = np.asarray([] if values is None else values, np.float64)
    if axis.ndim != 1 or axis.size < 2 or not (np.diff(axis) > 0).all():
        raise ValueError(f"{path.name}: {name} must hold two or more increasing values, got shape {axis.shape}")
    return axis


def _times(
    file: h5py.File, path: AnyFile, name: str, epoch: datetime.datetime | None = None
) -> tuple[datetime.datetime, NDArray[np.float64]]:
    """Epoch of a time axis, and its seconds since then or since the given one."""
    seconds = _axis(file, path, name)
    units = file[name].attrs.get("units", b"")
    text = units.decode("ascii", "replace") if isinstance(units, bytes) else str(units)
    since = re.fullmatch(r"seconds since (\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)\d*Z?", text.strip())
    if since is None:
        raise ValueError(f"{path.name}: {name} must count seconds since a time, got units {text!r}")
    start = datetime.datetime.fromisoformat(f"{since[1]}T{since[2]}")
    return (start, seconds) if epoch is None else (epoch, seconds + (start - epoch).total_seconds())


def _orbit(file: h5py.File, path: AnyFile, root: str, epoch: datetime.datetime) -> Orbit:
    place = f"{root}/metadata/orbit"
    _, times = _times(file, path, f"{place}/time", epoch)
    vectors = [value_of(file, path, f"{place}/{name}") for name in ("position", "velocity")]
    if any(vector is None for vector in vectors):
        raise ValueError(f"{path.name} has no data sets {place}/position and velocity")
    try:
        return Orbit(times, *vectors)
    except ValueError as error:
        raise ValueError(f"{path.name}: {place} is not an orbit: {error}") from error


def mesh_of(swath: RslcSwath, height: float | None = None) -> RslcMesh | None:
    """Positions at the nodes of the product's cube of positions; None if it has none.

    Parameters
    ----------
    swath : RslcSwath
    height : float, optional
        Metres above the ellipsoid; by default the mean height of the terrain along each line, as the product states it.

    Raises
    ------
    ValueError
        If the cube is incomplete.
    """
    place = f"{swath.root}/metadata/geolocationGrid"
    path = swath.path
    with open_hdf5(path) as file:
        if f"{place}/coordinateX" not in file:
            return None
        heights = _axis(file, path, f"{place}/heightAboveEllipsoid")
        _, times = _times(file, path, f"{place}/zeroDopplerTime", swath.epoch)
        ranges = _axis(file, path, f"{place}/slantRange")
        code = value_of(file, path, f"{place}/epsg")
        x, y = (np.asarray(value_of(file, path, f"{place}/coordinate{axis}"), np.float64) for axis in "XY")
        levels = np.full(times.size, height) if height is not None else _heights(file, swath, times)
    sizes = (heights.size, times.size, ranges.size)
    if code is None or x.shape != sizes or y.shape != sizes:
        raise ValueError(f"{path.name}: {place} must hold epsg and coordinates of {sizes} nodes, got {x.shape}")
    levels = np.clip(levels, heights[0], heights[-1])
    x, y = (_at_heights(cube, heights, levels) for cube in (x, y))
    longitude, latitude = transformer_between(f"EPSG:{int(code)}", "EPSG:4326").transform(x, y)
    grid = swath.grid
    return RslcMesh(
        (times - grid.azimuth_time) / grid.azimuth_interval,
        (ranges - grid.slant_range) / grid.range_spacing,
        {"latitude": latitude, "longitude": longitude, "height": np.repeat(levels[:, None], ranges.size, axis=1)},
    )


def _heights(file: h5py.File, swath: RslcSwath, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean height of the terrain at some times, metres; 0 where the file does not state it."""
    place = f"{swath.root}/metadata/processingInformation/parameters"
    stated = value_of(file, swath.path, f"{place}/referenceTerrainHeight")
    if stated is None:
        return np.zeros(times.size)
    values = np.asarray(stated, np.float64).ravel()
    if values.size > 1 and f"{place}/zeroDopplerTime" in file:
        _, own = _times(file, swath.path, f"{place}/zeroDopplerTime", swath.epoch)
        if own.size == values.size:
            return np.interp(times, own, values)
    return np.full(times.size, values.mean())


def _at_heights(
    cube: NDArray[np.float64], heights: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values of a cube (heights, rows, cols) at a height per row."""
    if heights.size == 1:
        return cube[0]
    below = np.clip(np.searchsorted(heights, levels, side="right") - 1, 0, heights.size - 2)
    share = (levels - heights[below]) / (heights[below + 1] - heights[below])
    rows = np.arange(levels.size)
    found: NDArray[np.float64] = cube[below, rows] * (1 - share[:, None]) + cube[below + 1, rows] * share[:, None]
    return found
