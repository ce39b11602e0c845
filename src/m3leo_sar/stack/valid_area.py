"""The part of an image that has data, as a convex polygon, and the distance of a point from its edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import is_geographic
from m3leo_sar.stack.geometry import Geometry, OrbitGeometry

#: Rows that are read at once to find where an image has data.
_BAND = 512
_METRES_PER_DEGREE = 111_320.0
#: Corners (row, col) of a convex polygon, in order around it; pixel centres lie at whole numbers.
Outline = tuple[tuple[float, float], ...]


def measured_outline(stack: Any) -> Outline:
    """Convex outline of the samples with data of a stack: its own, or that of its first image.

    The image is read once, in bands of rows.

    One date serves all: the outlines of a burst's dates differ by a few lines, and a rule that follows from one date
    depends on no pair and on no date that is added later.

    Raises
    ------
    ValueError
        If the image has no samples with data, or only on a line.
    """
    if stack.outline is not None:
        return tuple((float(row), float(col)) for row, col in stack.outline)
    import shapely

    image, rows, points = (stack.polarisations[0], stack.dates[0]), stack.shape[1], []
    for first in range(0, rows, _BAND):
        known = np.isfinite(stack.images([image], slice(first, min(first + _BAND, rows)))[0])
        lines = np.flatnonzero(known.any(axis=1))
        ends = known[lines].argmax(axis=1), known.shape[1] - 1 - known[lines, ::-1].argmax(axis=1)
        points += [np.stack([lines + first, end], axis=1) for end in ends]
    hull = shapely.convex_hull(shapely.multipoints(np.concatenate(points)))
    if hull.geom_type != "Polygon":
        raise ValueError(f"{stack.name} must have samples with data on {stack.dates[0]}, it has none or only a line")
    return tuple((float(row), float(col)) for row, col in shapely.get_coordinates(hull)[:-1])


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
    corners = np.array(outline, np.float64) * spacing
    after = np.roll(corners, -1, axis=0)
    turn = np.sum(corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1])
    corners = corners if turn > 0 else corners[::-1]
    points = rows * spacing[0], cols * spacing[1]
    margin = np.full(np.shape(rows), np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / np.hypot(*(end - start))
        margin = np.minimum(margin, along[0] * (points[1] - start[1]) - along[1] * (points[0] - start[0]))
    return np.where(np.isnan(margin), -np.inf, margin)


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
