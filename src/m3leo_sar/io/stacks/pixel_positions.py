"""Geometry of an image in range and azimuth from layers of its size, or from a coarser mesh of points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.stack.geometry import RadarGeometry, StoredRadarGeometry, band_extents

#: Reads the pixels [rows, cols] of a layer.
Layer = Callable[[slice, slice], NDArray[Any]]
#: Largest size of layers kept in memory, bytes; of larger ones, the part under a tile is read.
_HELD_BYTES = 64 << 20
#: Rows and columns of a block of larger layers, and the parts of a block at whose ends smooth layers are bounded.
_BLOCK = 512
_PARTS = 8

#: Ways to state positions that the files do not, the end of a sentence.
HOW_TO_STATE = (
    "put geometry/latitude.tif and geometry/longitude.tif beside the images, or pass "
    "geometry=RadarGeometry(latitude, longitude) in Python"
)


def layered_geometry(shape: tuple[int, int], layers: Mapping[str, Layer]) -> RadarGeometry | StoredRadarGeometry:
    """Geometry from layers with a value per pixel.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    layers : mapping of str to callable
        ``latitude`` and ``longitude`` in degrees, and, optionally, ``height`` and ``incidence``.
        ``layer(rows, cols)`` returns (rows, cols) float. They must be picklable.

    Notes
    -----
    Small layers are read into memory. Larger ones are read once, in bands, for the bounds of their blocks, then under
    each tile only.
    """
    read = partial(_read, dict(layers))
    if prod(shape) * 8 * len(layers) <= _HELD_BYTES:
        return read(slice(0, shape[0]), slice(0, shape[1]), every=True)
    extents = []
    for row in range(0, shape[0], _BLOCK):
        # One more row, as cells of four pixels extend over the edge of a block.
        band = read(slice(row, min(row + _BLOCK + 1, shape[0])), slice(0, shape[1]))
        extents.append(band_extents(band, _BLOCK))
    return StoredRadarGeometry(shape=shape, read=read, block=_BLOCK, extents=np.array(extents))


def mesh_geometry(
    shape: tuple[int, int],
    rows: NDArray[Any],
    cols: NDArray[Any],
    layers: Mapping[str, NDArray[Any]],
) -> RadarGeometry | StoredRadarGeometry:
    """Geometry interpolated from layers at the nodes of a mesh, such as tie points.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    rows, cols : (m,) and (n,) float
        Increasing rows and columns of the nodes, in pixels; the centre of the first pixel is 0.
    layers : mapping of str to (m, n) float
        ``latitude`` and ``longitude`` in degrees, and, optionally, ``height`` and ``incidence``.

    Raises
    ------
    ValueError
        If the mesh has fewer than two rows or columns, covers less than the image by over one step, or a node is not
        finite.

    Notes
    -----
    Cubic splines; linear beyond the outermost nodes, by one step at most.
    """
    # Imported here: most stacks are read without SciPy.
    from scipy.interpolate import RectBivariateSpline

    if len(rows) < 2 or len(cols) < 2:
        raise ValueError(f"positions must be known at 2 x 2 nodes or more, got {len(rows)} x {len(cols)}")
    rows, cols = np.asarray(rows, np.float64), np.asarray(cols, np.float64)
    ends = [_ends(axis, size) for axis, size in zip((rows, cols), shape, strict=True)]
    splines = {}
    for name, values in layers.items():
        values = np.asarray(values, np.float64)
        if values.shape != (len(rows), len(cols)) or not np.isfinite(values).all():
            raise ValueError(f"{name} must have a finite value at each of {len(rows)} x {len(cols)} nodes")
        if name == "longitude":
            values = np.unwrap(np.unwrap(values, axis=1, period=360), axis=0, period=360)
        values = _extended(_extended(values, rows, ends[0]).T, cols, ends[1]).T
        axes = [np.concatenate([end[:1], axis, end[1:]]) for axis, end in zip((rows, cols), ends, strict=True)]
        splines[name] = RectBivariateSpline(*axes, values, kx=min(3, len(rows) - 1), ky=min(3, len(cols) - 1))
    interpolated = {name: partial(_interpolated, spline) for name, spline in splines.items()}
    if prod(shape) * 8 * len(layers) <= _HELD_BYTES:
        return layered_geometry(shape, interpolated)
    read = partial(_read, dict[str, Layer](interpolated))
    return StoredRadarGeometry(shape=shape, read=read, block=_BLOCK, extents=_mesh_extents(shape, splines))


def _mesh_extents(shape: tuple[int, int], splines: Mapping[str, Any]) -> NDArray[np.float64]:
    """Bounds of the blocks of smooth layers, from a few of their rows and columns."""
    # Those between two blocks are in both.
    every = max(1, _BLOCK // _PARTS)
    rows, cols = (np.unique(np.append(np.arange(0, size, every), size - 1)) for size in shape)
    found = {name: np.asarray(splines[name](rows, cols), np.float64) for name in ("latitude", "longitude")}
    places = [np.searchsorted(axis, np.arange(0, size, _BLOCK)) for axis, size in zip((rows, cols), shape, strict=True)]
    step = _BLOCK // every + 1
    return np.array(
        [
            [
                RadarGeometry(
                    **{name: layer[row : row + step, col : col + step] for name, layer in found.items()}
                ).bounds
                for col in places[1]
            ]
            for row in places[0]
        ]
    )


def mesh_of_points(
    shape: tuple[int, int], points: Sequence[tuple[float, float, float, float]], name: str
) -> RadarGeometry | StoredRadarGeometry:
    """Geometry from ground control points on a mesh.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    points : sequence of (row, col, latitude, longitude)
        Rows and columns in pixels; degrees.
    name : str
        File, for the message.

    Raises
    ------
    ValueError
        If the points are not the nodes of a mesh of 2 x 2 or more.
    """
    places = {(row, col): position for row, col, *position in points}
    rows, cols = (np.unique([place[axis] for place in places]) for axis in (0, 1))
    if len(rows) < 2 or len(cols) < 2 or len(places) != len(rows) * len(cols):
        raise ValueError(
            f"{name} states no position of its pixels: expected a map grid, or ground control points on a mesh, got "
            f"{len(points)} points; {HOW_TO_STATE}"
        )
    layers = np.array([[places[row, col] for col in cols] for row in rows])
    return mesh_geometry(shape, rows, cols, {"latitude": layers[..., 0], "longitude": layers[..., 1]})


def _ends(axis: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """One more node at each end of an axis, so that the nodes cover an image."""
    steps = np.diff(axis)
    if not (steps > 0).all():
        raise ValueError(f"nodes must lie at increasing rows and columns, got {axis[0]:g}, {axis[1]:g}, ...")
    ends = np.array([axis[0] - steps[0], axis[-1] + steps[-1]])
    if ends[0] > 0 or ends[1] < size - 1:
        raise ValueError(f"positions are known from {axis[0]:g} to {axis[-1]:g} only, of 0 to {size - 1}")
    return ends


def _extended(values: NDArray[np.float64], axis: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at the nodes and, continued linearly along the first axis, at the ends."""
    first = values[0] + (ends[0] - axis[0]) / (axis[1] - axis[0]) * (values[1] - values[0])
    last = values[-1] + (ends[1] - axis[-1]) / (axis[-1] - axis[-2]) * (values[-1] - values[-2])
    return np.concatenate([first[None], values, last[None]])


def _interpolated(spline: Any, rows: slice, cols: slice) -> NDArray[np.float64]:
    found: NDArray[np.float64] = spline(np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop))
    return found


def _read(layers: dict[str, Layer], rows: slice, cols: slice, *, every: bool = False) -> RadarGeometry:
    names = layers if every else ("latitude", "longitude")
    found = {name: np.asarray(layers[name](rows, cols), np.float64) for name in names}
    return RadarGeometry(**found)
