"""Where the ground lies in a radar image, on NumPy arrays."""

from __future__ import annotations

import numpy as np

from m3leo_sar._ext import geometry as kernel

Plane = np.ndarray


def geometry_points(model: Plane, points: Plane, start: float) -> tuple[Plane, Plane]:
    """Row and column at which points (count, 3), metres Earth-fixed, are seen; NaN where they are not."""
    row, col = np.empty(len(points)), np.empty(len(points))
    kernel.points(model, np.ascontiguousarray(points), start, row, col)
    return row, col


def geometry_ground(
    model: Plane, row: Plane, col: Plane, height: Plane, table: tuple[float, ...]
) -> tuple[Plane, Plane, Plane, Plane]:
    """Longitude, latitude (radians), height and incidence of the ground at radar positions, (count,) each.

    ``table`` places the terrain: longitude and latitude of its first pixel, their steps, lowest and highest.
    """
    found = tuple(np.empty(len(row)) for _ in range(4))
    kernel.ground(model, row, col, np.ascontiguousarray(height), table, *found)
    return found  # type: ignore[return-value]


def geometry_tile(model: Plane, down: Plane, along: Plane, height: Plane) -> tuple[Plane, Plane]:
    """Radar row and column of every pixel of a tile of heights, positions being sums of few terms."""
    row, col = np.empty(height.shape), np.empty(height.shape)
    kernel.tile(model, down, along, height, row, col)
    return row, col


def geometry_angles(model: Plane, down: Plane, along: Plane, height: Plane, row: Plane) -> tuple[Plane, Plane]:
    """Local incidence and look angle of every pixel of a tile, radians."""
    incidence, look = np.empty(height.shape), np.empty(height.shape)
    kernel.angles(model, down, along, height, row, incidence, look)
    return incidence, look


def geometry_shade(col: Plane, look: Plane, step: tuple[float, float], steps: int) -> Plane:
    """1 for layover, 2 for shadow, 3 for both; ``step`` leads one pixel away from the radar."""
    out = np.empty(col.shape, np.uint8)
    kernel.shade(col, look, *step, steps, out)
    return out
