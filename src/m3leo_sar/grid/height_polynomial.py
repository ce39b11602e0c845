"""Smooth functions of a pixel's row and column and of its height."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class HeightPolynomial:
    """A polynomial in row, column and height.

    Parameters
    ----------
    coefficients : (row powers, column powers, height powers) float64
        Entry (i, j, k) multiplies ``u**i * v**j * w**k``, where u, v and w are row, column and height minus their
        origin over their scale.
    origin, scale : (float, float, float)
        Of rows, columns and heights in metres. The middle and half the extent of each keep high powers precise.

    Raises
    ------
    ValueError
        If the coefficients are not a finite table of three axes, or a scale is 0.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.zeros((2, 2, 2))
    >>> table[0, 0, 0], table[1, 0, 1] = 3.0, 0.5
    >>> plane = HeightPolynomial(table, origin=(0.0, 0.0, 100.0), scale=(1.0, 1.0, 10.0))
    >>> float(plane(4.0, 9.0, 120.0))
    7.0
    """

    coefficients: NDArray[np.float64]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        table = np.array(self.coefficients, np.float64)
        if table.ndim != 3 or table.size == 0 or not np.isfinite(table).all():
            raise ValueError(f"coefficients must be a finite table of three axes, got shape {table.shape}")
        if not np.isfinite((*self.origin, *self.scale)).all() or 0 in self.scale:
            raise ValueError(f"origin and scale must be finite, scale not 0, got {self.origin} and {self.scale}")
        table.flags.writeable = False
        object.__setattr__(self, "coefficients", table)

    def __call__(self, row: Any, col: Any, height: Any) -> Any:
        """Values at rows, columns and heights that broadcast against each other."""
        u, v, w = (
            (np.asarray(axis, np.float64) - origin) / scale
            for axis, origin, scale in zip((row, col, height), self.origin, self.scale, strict=True)
        )
        total: Any = 0.0
        # Horner's scheme in each variable, as the kernels have it: heights outside, then columns, then rows.
        for k in range(self.coefficients.shape[2] - 1, -1, -1):
            of_height: Any = 0.0
            for j in range(self.coefficients.shape[1] - 1, -1, -1):
                of_col: Any = 0.0
                for i in range(self.coefficients.shape[0] - 1, -1, -1):
                    of_col = of_col * u + self.coefficients[i, j, k]
                of_height = of_height * v + of_col
            total = total * w + of_height
        return total
