"""Longitudes on both sides of the 180th meridian: bounds, outlines and comparisons that do not break there.

Bounds are (west, south, east, north) in degrees with west below east. Across the 180th meridian, east continues beyond
180 degrees, or west below -180. Polygons for other software are cut at the meridian instead, as RFC 7946 requires.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bounds = tuple[float, float, float, float]
#: Half a turn and a full turn, degrees.
_HALF, _TURN = 180.0, 360.0


def nearest_longitude(longitude: Any, centre: Any) -> Any:
    """Longitudes shifted by full turns to within 180 degrees of ``centre``; those already there keep their bits."""
    # Half a turn is accepted despite rounding: both ends of a global grid stay where they are.
    return longitude - _TURN * np.round((longitude - centre) / (_TURN * (1 + 1e-12)))


def unwrapped(positions: NDArray[np.float64], turn: float = _TURN, *, axis: int = -1) -> NDArray[np.float64]:
    """Positions along a line shifted by full turns, so that none is more than half a turn from the previous one.

    Like :func:`numpy.unwrap`, but with bit-exact full turns, so that a closed line stays closed.
    """
    first = np.zeros_like(np.take(positions, [0], axis=axis))
    turns = np.cumsum(np.round(np.diff(positions, axis=axis) / turn), axis=axis)
    return positions - turn * np.concatenate([first, turns], axis=axis)


def bounds_of_points(longitude: ArrayLike, latitude: ArrayLike) -> Bounds:
    """Bounds of points in degrees, all finite, in any order; across the 180th meridian if that is the narrower way.

    Examples
    --------
    >>> bounds_of_points([179.5, -179.5], [-17.0, -16.0])
    (179.5, -17.0, 180.5, -16.0)
    """
    latitude = np.asarray(latitude, np.float64)
    west, east = _narrowest(np.asarray(longitude, np.float64))
    return _around_greenwich((west, float(latitude.min()), east, float(latitude.max())))


def bounds_of_outline(longitude: ArrayLike, latitude: ArrayLike) -> Bounds:
    """Bounds of the ground within a closed line of points in degrees, each less than 180 degrees from the previous one.

    Non-finite points are omitted. A line once around the globe encloses the pole of its hemisphere.
    """
    longitude, latitude = continuous_line(longitude, latitude)
    if longitude.size == 0:
        return (np.nan,) * 4
    south, north = float(latitude.min()), float(latitude.max())
    if goes_around_a_pole(longitude):
        return (-_HALF, south, _HALF, 90.0) if latitude.mean() > 0 else (-_HALF, -90.0, _HALF, north)
    return _around_greenwich((float(longitude.min()), south, float(longitude.max()), north))


def bounds_of_all(bounds: ArrayLike) -> Bounds:
    """Bounds that enclose all (boxes, 4) bounds, ignoring those that are NaN; NaN if all of them are.

    Examples
    --------
    >>> bounds_of_all([(179.0, -17.0, 179.9, -16.0), (-179.9, -18.0, -179.5, -16.5)])
    (179.0, -18.0, 180.5, -16.0)
    """
    boxes = np.asarray(bounds, np.float64).reshape(-1, 4)
    boxes = side_by_side(boxes[np.isfinite(boxes).all(axis=1)])
    if len(boxes) == 0:
        return (np.nan,) * 4
    (west, south), (east, north) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    return _around_greenwich((west, south, east, north))


def side_by_side(bounds: ArrayLike) -> NDArray[np.float64]:
    """Bounds (boxes, 4) shifted by full turns so that neighbours across the 180th meridian are adjacent.

    Only boxes that then span less than half of the globe are shifted; all others keep their bits.
    """
    boxes = np.array(bounds, np.float64).reshape(-1, 4)
    if len(boxes) == 0 or boxes[:, 2].max() - boxes[:, 0].min() <= _HALF:
        return boxes
    middle = (boxes[:, 0] + boxes[:, 2]) / 2
    for start in (0.0, -_HALF):
        turn = _TURN * np.floor((middle - start) / _TURN)
        if (boxes[:, 2] - turn).max() - (boxes[:, 0] - turn).min() < _HALF:
            boxes[:, 0] -= turn
            boxes[:, 2] -= turn
            break
    return boxes


def beside(bounds: Bounds, others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounds (..., 4) of ``others`` shifted by full turns, each as near to ``bounds`` as possible."""
    moved = np.array(others, np.float64)
    turn = _TURN * np.round(((moved[..., 0] + moved[..., 2]) - (bounds[0] + bounds[2])) / (2 * _TURN))
    moved[..., 0] -= turn
    moved[..., 2] -= turn
    return moved


def in_rfc7946(bounds: Bounds) -> Bounds:
    """Bounds as in GeoJSON, STAC and GeoParquet: within 180 degrees, west above east across the 180th meridian.

    Examples
    --------
    >>> in_rfc7946((179.5, -17.0, 180.5, -16.0))
    (179.5, -17.0, -179.5, -16.0)
    """
    west, south, east, north = bounds
    if east - west >= _TURN:
        return -_HALF, south, _HALF, north
    return west + _TURN * (west < -_HALF), south, east - _TURN * (east > _HALF), north


def from_rfc7946(bounds: ArrayLike) -> NDArray[np.float64]:
    """Bounds (boxes, 4) that may have west above east, with east continued beyond 180 degrees instead."""
    boxes = np.array(bounds, np.float64).reshape(-1, 4)
    boxes[:, 2] += _TURN * (boxes[:, 2] < boxes[:, 0])
    return boxes


def boxes_on_globe(bounds: ArrayLike) -> NDArray[np.object_]:
    """Bounds (boxes, 4) as shapely polygons within 180 degrees, cut at the 180th meridian."""
    import shapely

    boxes = np.asarray(bounds, np.float64).reshape(-1, 4)
    polygons = shapely.box(*boxes.T)
    for number in np.flatnonzero((boxes[:, 0] < -_HALF) | (boxes[:, 2] > _HALF)):
        polygons[number] = on_globe(polygons[number])
    return polygons


def on_globe(polygon: Any) -> Any:
    """A polygon with longitudes beyond 180 degrees, cut at the 180th meridian into parts within 180 degrees."""
    import shapely

    west, _, east, _ = polygon.bounds
    if west >= -_HALF and east <= _HALF:
        return polygon
    turns = _TURN * np.arange(np.floor((west + _HALF) / _TURN), np.ceil((east + _HALF) / _TURN))
    globe = shapely.box(-_HALF, -90.0, _HALF, 90.0)
    moved = [shapely.transform(polygon, lambda x, y, turn=turn: (x - turn, y), interleaved=False) for turn in turns]
    parts = shapely.get_parts(shapely.intersection(moved, globe))
    return shapely.union_all([part for part in parts if shapely.area(part) > 0])


def in_one_piece(polygon: Any) -> Any:
    """A polygon of parts on both sides of the 180th meridian with continuous longitudes; any other unchanged."""
    import shapely

    parts = shapely.get_parts(polygon)
    boxes = shapely.bounds(parts)
    turns = boxes[:, 0] - side_by_side(boxes)[:, 0]
    if not turns.any():
        return polygon
    moved = [
        shapely.transform(part, lambda x, y, turn=turn: (x - turn, y), interleaved=False)
        for part, turn in zip(parts, turns, strict=True)
    ]
    return shapely.union_all(moved)


def unbroken(polygon: Any) -> Any:
    """A polygon whose corners came from a projection, without jumps of a full turn between neighbouring corners."""
    import shapely

    parts = []
    for part in shapely.get_parts(polygon):
        rings = [np.asarray(ring.coords)[:, :2] for ring in (part.exterior, *part.interiors)]
        for ring in rings:
            ring[:, 0] = unwrapped(ring[:, 0])
        middle = (rings[0][:, 0].min() + rings[0][:, 0].max()) / 2
        for ring in rings[1:]:
            ring[:, 0] += nearest_longitude(ring[0, 0], middle) - ring[0, 0]
        parts.append(on_globe(shapely.Polygon(rings[0], rings[1:])))
    return shapely.union_all(parts)


def continuous_line(longitude: ArrayLike, latitude: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of a line in degrees without non-finite ones and without a jump at the 180th meridian."""
    x, y = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    return (unwrapped(x[known]) if known.any() else x[known]), y[known]


def goes_around_a_pole(longitude: NDArray[np.float64]) -> bool:
    """Whether a continuous closed line goes once around the globe."""
    return bool(abs(longitude[-1] - longitude[0]) > _HALF)


def _narrowest(longitude: NDArray[np.float64]) -> tuple[float, float]:
    """Minimum and maximum longitude as given, or counted from 0 or -180 degrees if that spans less than half a turn."""
    west, east = float(longitude.min()), float(longitude.max())
    for start in (0.0, -_HALF):
        if east - west <= _HALF:
            break
        moved = np.mod(longitude - start, _TURN) + start
        if np.ptp(moved) < _HALF:
            west, east = float(moved.min()), float(moved.max())
    return west, east


def _around_greenwich(bounds: Bounds) -> Bounds:
    """Bounds shifted by full turns so that their centre is within 180 degrees."""
    west, south, east, north = bounds
    if east - west >= _TURN:
        return -_HALF, south, _HALF, north
    turn = _TURN * np.ceil(((west + east) / 2 - _HALF) / _TURN)
    return float(west - turn), south, float(east - turn), north
