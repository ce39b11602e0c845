"""The part of an image that has data, as a convex polygon, and the distance of a point from its edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import is_geographic
from m3leo_sar.stack.geometry import Geometry, OrbitGeometry

#: Rows that are read at once to find where an image has data.
_BAND = 512
#: Samples of an image up to which all are read; of a larger one, lines only.
_WHOLE = 4 << 20
#: Rows, and columns, that are read first of a larger image, and most that are read afterwards to find its corners.
_LINES, _CORNERS = 25, 60
_METRES_PER_DEGREE = 111_320.0
#: Metres within which all distances from an edge count much alike: more than half of a coherence window.
_NEAR = 100.0
#: Least share of the distance from a side that lies along a direction, for the side to bound points in it.
_ACROSS = 0.2
#: Corners (row, col) of a convex polygon, in order around it; pixel centres lie at whole numbers.
Outline = tuple[tuple[float, float], ...]


def measured_outline(stack: Any) -> Outline:
    """Convex outline of the samples with data of a stack: its own, or that of its first image.

    A small image is read once, in bands of rows. Of a large one, 25 rows and 25 columns are read, and then those
    through the corners that they suggest, at most 60: the outline is that of straight edges to a pixel, whatever the
    size.

    One date serves all: the outlines of a burst's dates differ by a few lines, and a rule that follows from one date
    depends on no pair and on no date that is added later.

    Raises
    ------
    ValueError
        If the image has no samples with data, or only on a line.
    """
    if stack.outline is not None:
        return tuple((float(row), float(col)) for row, col in stack.outline)
    image = (stack.polarisations[0], stack.dates[0])

    def known(rows: slice, cols: slice = slice(None)) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.isfinite(stack.images([image], rows, cols)[0])
        return found

    shape = stack.shape[1:]
    hull = _hull(_all_ends(known, shape[0]) if math.prod(shape) <= _WHOLE else _line_ends(known, shape))
    if len(hull) < 3:
        raise ValueError(f"{stack.name} must have samples with data on {stack.dates[0]}, it has none or only a line")
    return tuple((float(row), float(col)) for row, col in hull)


def _all_ends(known: Callable[..., NDArray[np.bool_]], rows: int) -> NDArray[Any]:
    """First and last sample with data of every row."""
    bands = (slice(first, min(first + _BAND, rows)) for first in range(0, rows, _BAND))
    return np.concatenate([_ends(known(band), band.start) for band in bands])


def _line_ends(known: Callable[..., NDArray[np.bool_]], shape: tuple[int, int]) -> NDArray[Any]:
    """Ends of some rows and columns, and of those through the corners between them."""
    read: set[tuple[int, int]] = set()

    def ends(axis: int, line: int) -> NDArray[Any]:
        read.add((axis, line))
        if axis == 0:
            return _ends(known(slice(line, line + 1)), line)
        return _ends(known(slice(None), slice(line, line + 1)).T, line)[:, ::-1]

    lines = [np.unique(np.linspace(0, size - 1, _LINES).astype(int)).tolist() for size in shape]
    points = np.concatenate([ends(axis, line) for axis in (0, 1) for line in lines[axis]])
    for _ in range(_CORNERS):
        corner = _next_corner(_hull(points), shape, read)
        if corner is None:
            break
        points = np.concatenate([points, ends(*corner)])
    return points


def _ends(known: NDArray[np.bool_], first: int) -> NDArray[Any]:
    """(row, col) of the first and the last sample with data of each row."""
    lines = np.flatnonzero(known.any(axis=1))
    ends = known[lines].argmax(axis=1), known.shape[1] - 1 - known[lines, ::-1].argmax(axis=1)
    return np.concatenate([np.stack([lines + first, end], axis=1) for end in ends])


def _hull(points: NDArray[Any]) -> NDArray[np.float64]:
    """Corners of the convex hull in order, none of a line."""
    import shapely

    hull = shapely.convex_hull(shapely.multipoints(points))
    return np.asarray(shapely.get_coordinates(hull)[:-1]) if hull.geom_type == "Polygon" else np.empty((0, 2))


def _next_corner(
    hull: NDArray[np.float64], shape: tuple[int, int], read: Collection[tuple[int, int]]
) -> tuple[int, int] | None:
    """Axis and number of the line through the largest corner beyond the hull that its edges leave room for."""
    if len(hull) < 3:
        return None
    before, start, end, after = (np.roll(hull, turn, axis=0) for turn in (1, 0, -1, -2))
    chord, first, second = end - start, start - before, end - after
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (chord[:, 0] * second[:, 1] - chord[:, 1] * second[:, 0]) / cross
        corners = np.clip(start + along[:, None] * first, 0, np.array(shape) - 1)
        away = corners - start
        height = np.abs(away[:, 0] * chord[:, 1] - away[:, 1] * chord[:, 0]) / np.hypot(*chord.T)
    height[~((along > 0) & (height > 1.0))] = 0
    for index in np.argsort(-height):
        for axis in (0, 1):
            line = (axis, round(float(corners[index, axis]))) if height[index] > 0 else None
            if line is not None and line not in read:
                return line
    return None


def margin_within(
    outline: Outline, rows: NDArray[Any], cols: NDArray[Any], *, spacing: tuple[float, float]
) -> NDArray[np.float64]:
    """Distance of points from the edge of a convex outline, positive inside, negative outside.

    Parameters
    ----------
    outline : sequence of (row, col)
        Corners in order around the polygon, in either sense.
    rows, cols : array
        Points, of one shape; NaN for an unknown position.
    spacing : (float, float)
        Metres from row to row and from column to column.

    Returns
    -------
    array of that shape
        Metres to the nearest side; -inf for an unknown position.

    Examples
    --------
    >>> square = ((0.0, 0.0), (0.0, 10.0), (8.0, 10.0), (8.0, 0.0))
    >>> margin_within(square, np.array([4.0, 1.0, 9.0]), np.array([5.0, 5.0, 5.0]), spacing=(2.0, 1.0)).tolist()
    [5.0, 2.0, -2.0]
    """
    margin = np.full(np.shape(rows), np.inf)
    for distance, _ in _sides(outline, rows, cols, spacing):
        np.minimum(margin, distance, out=margin)
    return np.where(np.isnan(margin), -np.inf, margin)


def depth_within(
    outline: Outline, rows: NDArray[Any], cols: NDArray[Any], *, spacing: tuple[float, float]
) -> NDArray[np.float64]:
    """How deep points lie in a convex outline, by the nearest side along rows and the nearest along columns.

    At the outer edge of a swath all bursts have the same little margin. The burst to take there is the one whose other
    edges are far: in a corner, a window is not half full. The depth is half the harmonic mean of both distances, each
    lengthened by 100 m, so that a fraction of a pixel of one distance never outweighs an edge of the other.

    Parameters
    ----------
    outline, rows, cols, spacing
        As of :func:`margin_within`.

    Returns
    -------
    array of that shape
        Metres; -inf where a point is unknown, or more than half a pixel outside: until there, resampling repeats the
        outermost pixel.

    Examples
    --------
    >>> square = ((0.0, 0.0), (0.0, 900.0), (900.0, 900.0), (900.0, 0.0))
    >>> rows, cols = np.array([450.0, 5.0, 450.0]), np.array([5.0, 5.5, -0.6])
    >>> depth_within(square, rows, cols, spacing=(1.0, 1.0)).round(1).tolist()
    [88.5, 52.9, -inf]
    """
    least, *near = (np.full(np.shape(rows), np.inf) for _ in range(3))
    for distance, shares in _sides(outline, rows, cols, spacing):
        # The outline joins centres of pixels; their areas reach half a pixel farther.
        distance += (shares[0] * spacing[0] + shares[1] * spacing[1]) / 2
        np.minimum(least, distance, out=least)
        for along, share in zip(near, shares, strict=True):
            # Of a side that lies nearly along a direction, points are far away in that direction.
            if share > _ACROSS:
                np.minimum(along, distance / share, out=along)
    inside = least >= 0
    for along in near:
        along[~inside] = 0.0
        along += _NEAR
    return np.where(inside, 1.0 / (1.0 / near[0] + 1.0 / near[1]), -np.inf)


def _sides(
    outline: Outline, rows: NDArray[Any], cols: NDArray[Any], spacing: tuple[float, float]
) -> Iterator[tuple[NDArray[np.float64], tuple[float, float]]]:
    """Metres from each side to points, positive inside, and the shares of that distance along rows and columns.

    The array of the metres is the same each time.
    """
    corners = np.array(outline, np.float64) * spacing
    after = np.roll(corners, -1, axis=0)
    turn = np.sum(corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1])
    corners = corners if turn > 0 else corners[::-1]
    distance, part = np.empty(np.shape(rows)), np.empty(np.shape(rows))
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / np.hypot(*(end - start))
        np.multiply(cols, along[0] * spacing[1], out=distance)
        np.multiply(rows, along[1] * spacing[0], out=part)
        distance -= part
        distance += along[1] * start[0] - along[0] * start[1]
        yield distance, (abs(float(along[1])), abs(float(along[0])))


def pixel_spacing(geometry: Geometry) -> tuple[float, float]:
    """Metres from row to row and from column to column, to a few percent: enough to compare distances of an image."""
    if isinstance(geometry, GeoBox):
        a, b, _, d, e, _ = tuple(geometry.affine)[:6]
        unit = _METRES_PER_DEGREE if is_geographic(geometry.crs) else 1.0
        return float(np.hypot(b, e)) * unit, float(np.hypot(a, d)) * unit
    if isinstance(geometry, OrbitGeometry):
        speed = float(np.linalg.norm(np.asarray(geometry.orbit.velocity)[0]))
        return geometry.radar_grid.azimuth_interval * speed, geometry.radar_grid.range_spacing
    rows, cols = geometry.shape
    part = geometry.crop(slice(rows // 2, rows // 2 + 2), slice(cols // 2, cols // 2 + 2))
    shrink = np.cos(np.radians(part.latitude))
    found = []
    for axis in (0, 1):
        north, east = np.diff(part.latitude, axis=axis), np.diff(part.longitude, axis=axis) * shrink[:1, :1]
        found.append(float(np.nanmean(np.hypot(north, east))) * _METRES_PER_DEGREE)
    return found[0], found[1]
