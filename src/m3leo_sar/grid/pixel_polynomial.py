"""Smooth functions of a pixel's row and column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class PixelPolynomial:
    """A polynomial in row and column.

    Parameters
    ----------
    coefficients : (row powers, column powers) float
        Entry (i, j) multiplies ``((row - origin[0]) / scale[0])**i * ((col - origin[1]) / scale[1])**j``.
    origin, scale : (float, float)
        Of rows and columns. Values near the middle and half the size of an image keep high powers precise.

    Raises
    ------
    ValueError
        If the coefficients are not a table of finite numbers, or a scale is 0.

    Examples
    --------
    >>> float(PixelPolynomial([[1.0, 0.5], [0.25, 0.0]])(4, 2))
    3.0
    """

    def __init__(
        self,
        coefficients: ArrayLike,
        *,
        origin: tuple[float, float] = (0.0, 0.0),
        scale: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        self.coefficients = np.array(coefficients, np.float64)
        if self.coefficients.ndim != 2 or self.coefficients.size == 0 or not np.isfinite(self.coefficients).all():
            raise ValueError(
                f"coefficients must be a table of finite numbers, (row powers, column powers), got {coefficients!r}"
            )
        if not all(np.isfinite((*origin, *scale))) or 0 in scale:
            raise ValueError(f"origin and scale must be finite, scale not 0, got {origin} and {scale}")
        self.origin, self.scale = tuple(map(float, origin)), tuple(map(float, scale))

    @classmethod
    def fit(
        cls,
        rows: ArrayLike,
        cols: ArrayLike,
        values: ArrayLike,
        *,
        degree: int,
        shape: tuple[int, int],
        weights: Any = None,
    ) -> PixelPolynomial:
        """Least-squares polynomial of a total degree through values at given pixels of an image of a given shape.

        Raises
        ------
        ValueError
            If there are fewer values than coefficients.
        """
        rows, cols, values = (np.asarray(axis, np.float64).ravel() for axis in (rows, cols, values))
        powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
        if len(values) < len(powers):
            raise ValueError(f"values must be at least {len(powers)} for degree {degree}, got {len(values)}")
        origin = tuple((size - 1) / 2 for size in shape)
        scale = tuple(max(middle, 0.5) for middle in origin)
        down, along = (rows - origin[0]) / scale[0], (cols - origin[1]) / scale[1]
        design = np.stack([down**i * along**j for i, j in powers], axis=1)
        root = np.ones(len(values)) if weights is None else np.sqrt(np.asarray(weights, np.float64).ravel())
        found = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        table = np.zeros((degree + 1, degree + 1))
        for (i, j), value in zip(powers, found, strict=True):
            table[i, j] = value
        return cls(table, origin=origin, scale=scale)  # type: ignore[arg-type]

    def __call__(self, row: Any, col: Any) -> Any:
        """Values at rows and columns that broadcast against each other."""
        down, along = (row - self.origin[0]) / self.scale[0], (col - self.origin[1]) / self.scale[1]
        total: Any = 0.0
        # Horner's scheme along rows, with Horner's scheme along columns inside.
        for line in self.coefficients[::-1]:
            inner: Any = 0.0
            for value in line[::-1]:
                inner = inner * along + value
            total = total * down + inner
        return total

    def terms(self, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values on a full grid as (rows, terms) @ (terms, cols)."""
        down = ((np.arange(shape[0]) - self.origin[0]) / self.scale[0])[:, None] ** np.arange(len(self.coefficients))
        along = ((np.arange(shape[1]) - self.origin[1]) / self.scale[1]) ** np.arange(self.coefficients.shape[1])[
            :, None
        ]
        return down.astype(np.float64), self.coefficients @ along


def bilinear_grid(
    values: ArrayLike, rows: Sequence[float], cols: Sequence[float], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Bilinear interpolation of a coarse grid to every pixel of a shape; beyond the edges, edge values are repeated.

    Parameters
    ----------
    values : (grid rows, grid cols) float
        For instance offsets measured on a grid of chips.
    rows, cols : sequence of float
        Increasing pixel positions of the grid lines.
    shape : (int, int)
        Rows and columns of the output.

    Raises
    ------
    ValueError
        If the positions do not increase or do not match the values, or a value is not finite.

    Examples
    --------
    >>> bilinear_grid([[0.0, 4.0]], [0], [0, 4], (1, 6)).tolist()
    [[0.0, 1.0, 2.0, 3.0, 4.0, 4.0]]
    """
    table, axes = np.asarray(values, np.float64), [np.asarray(axis, np.float64) for axis in (rows, cols)]
    if table.shape != tuple(len(axis) for axis in axes) or not np.isfinite(table).all():
        raise ValueError(
            f"values must be finite, one for each of {len(rows)} rows and {len(cols)} cols, got {table.shape}"
        )
    if any((np.diff(axis) <= 0).any() for axis in axes):
        raise ValueError("rows and cols must rise")
    along = np.stack([np.interp(np.arange(shape[1]), axes[1], line) for line in table])
    weights = np.stack([np.interp(np.arange(shape[0]), axes[0], unit) for unit in np.eye(len(axes[0]))], axis=1)
    return weights @ along
