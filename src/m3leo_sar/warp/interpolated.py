"""Interpolation of a smooth transform over a whole grid from a few of its values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Transform = Callable[[Plane, Plane], tuple[Plane, ...]]
#: Nodes per axis, tried in turn; a tile of a few kilometres needs the first or second.
_NODES = (5, 9, 17, 33)


class Interpolated(NamedTuple):
    """Planes of values as sums of products, ``rows[plane] @ cols[plane]``.

    Parameters
    ----------
    rows : (planes, rows, terms) float64
        Factors down the grid.
    cols : (planes, terms, cols) float64
        Factors along it.
    error : float
        Largest measured difference.
    """

    rows: Plane
    cols: Plane
    error: float


def interpolated(transform: Transform, shape: tuple[int, int], tolerance: float) -> Interpolated | None:
    """Interpolate a transform at every pixel of a grid by a polynomial through Chebyshev nodes.

    Parameters
    ----------
    transform : callable
        Takes arrays of rows and columns, whole numbers being pixel centres, and returns two or more arrays of values.
    shape : (int, int)
        Rows and columns of the grid.
    tolerance : float
        Largest difference allowed, in the unit of the values.

    Returns
    -------
    Interpolated
        All values as factors, with one term per node of an axis, and the largest difference measured at points halfway
        between the nodes, where it is near its maximum. None if no number of nodes meets the tolerance or a value is
        not finite.

    References
    ----------
    Berrut and Trefethen, 2004, SIAM Review 46(3), 501-517 (the barycentric formula).
    """
    for nodes in _NODES:
        if 4 * nodes * nodes > shape[0] * shape[1]:
            return None
        at = [_nodes(size, nodes) for size in shape]
        values = transform(*np.meshgrid(*at, indexing="ij"))
        if not all(np.isfinite(plane).all() for plane in values):
            return None
        between = [(places[1:] + places[:-1]) / 2 for places in at]
        truth = transform(*np.meshgrid(*between, indexing="ij"))
        weights = [_weights(places, wanted) for places, wanted in zip(at, between, strict=True)]
        error = max(
            float(np.abs(weights[0] @ plane @ weights[1].T - exact).max())
            for plane, exact in zip(values, truth, strict=True)
        )
        if error <= tolerance:
            rows, cols = (_weights(places, np.arange(float(size))) for places, size in zip(at, shape, strict=True))
            return Interpolated(np.stack([rows @ plane for plane in values]), np.stack([cols.T] * len(values)), error)
    return None


def _nodes(size: int, count: int) -> Plane:
    """Chebyshev points of the second kind over the pixel centres 0 to size - 1."""
    return (size - 1) / 2 * (1 - np.cos(np.pi * np.arange(count) / (count - 1)))


def _weights(nodes: Plane, wanted: Plane) -> Plane:
    """Matrix (wanted, nodes) that interpolates values at the nodes to the requested positions."""
    signs = (-1.0) ** np.arange(len(nodes))
    signs[[0, -1]] /= 2
    apart = np.asarray(wanted, float)[:, None] - nodes
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = signs / apart
        matrix = terms / terms.sum(axis=1, keepdims=True)
    on_node = apart == 0
    return np.where(on_node.any(axis=1, keepdims=True), on_node, matrix)
