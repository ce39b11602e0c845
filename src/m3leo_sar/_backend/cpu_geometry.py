"""Radar geometry on NumPy arrays."""

from __future__ import annotations

import numpy as np

from m3leo_sar._backend.kernel_sizes import block_shape
from m3leo_sar._ext import geometry as kernel

Plane = np.ndarray


def geometry_points(model: Plane, points: Plane, start: float) -> tuple[Plane, Plane]:
    """Row and column of points (count, 3), in Earth-fixed metres, in the image; NaN where not seen."""
    row, col = np.empty(len(points)), np.empty(len(points))
    kernel.points(model, np.ascontiguousarray(points), start, row, col)
    return row, col


def geometry_ground(
    model: Plane, row: Plane, col: Plane, height: Plane, table: tuple[float, ...]
) -> tuple[Plane, Plane, Plane, Plane]:
    """Longitude, latitude (radians), height and incidence of the ground at radar positions, (count,) each.

    ``table`` georeferences the terrain: longitude and latitude of its first pixel, their steps, lowest and highest
    value.
    """
    found = tuple(np.empty(len(row)) for _ in range(4))
    kernel.ground(model, row, col, np.ascontiguousarray(height), table, *found)
    return found  # type: ignore[return-value]


def geometry_tile(model: Plane, down: Plane, along: Plane, height: Plane) -> tuple[Plane, Plane]:
    """Radar row and column of every pixel of a tile of heights, with positions as sums of few terms."""
    row, col = np.empty(height.shape), np.empty(height.shape)
    kernel.tile(model, down, along, height, row, col)
    return row, col


def geometry_incidence(model: Plane, down: Plane, along: Plane, height: Plane, row: Plane) -> Plane:
    """Local incidence of every pixel of a tile, radians."""
    incidence = np.empty(height.shape)
    kernel.incidence(model, down, along, height, row, incidence)
    return incidence


def geometry_sights(down: Plane, along: Plane, height: Plane) -> tuple[Plane, Plane]:
    """Range, metres, and minus the cosine of the look angle of every pixel of a tile; sights are sums of few terms."""
    distance, look = np.empty(height.shape), np.empty(height.shape)
    kernel.sights(down, along, height, distance, look)
    return distance, look


def geometry_shade(
    distance: Plane, look: Plane, step: tuple[float, float], steps: int, first: tuple[int, int], shape: tuple[int, int]
) -> Plane:
    """1 for layover, 2 for shadow, 3 for both, in a part of the ground; ``step`` is one pixel away from the radar."""
    blocks = np.empty(block_shape(*distance.shape))
    kernel.bounds(distance, look, *step, blocks)
    out = np.empty(shape, np.uint8)
    kernel.shade(distance, look, blocks, *step, steps, *first, out)
    return out
