"""Neighbourhood sizes whose axis order is a type."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from m3leo_sar.grid.pixel_spacing import pixel_spacing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Extent:
    #: Whether sizes derived from metres are odd.
    _odd: ClassVar[bool] = False
    rows: int
    cols: int

    def __post_init__(self) -> None:
        for axis in ("rows", "cols"):
            came = getattr(self, axis)
            name = f"{type(self).__name__} {axis}"
            try:
                size = operator.index(came)
            except TypeError:
                raise TypeError(f"{name} must be a whole number, got {came!r}") from None
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
            object.__setattr__(self, axis, size)

    @classmethod
    def of_metres(
        cls, *, rows: float, cols: float, grid: Any = None, spacing: tuple[float, float] | None = None
    ) -> Self:
        """Extent of a given size in metres on the ground: the nearest pixel count, odd for a centred window.

        Parameters
        ----------
        rows, cols : float
            Metres along rows (azimuth or northing) and columns (range or easting), above 0.
        grid : GeoBox or Tile, optional
            Grid that defines the pixel spacing.
        spacing : (float, float), optional
            Metres on the ground from row to row and from column to column instead, for an image in radar geometry:
            azimuth spacing, and range spacing divided by the sine of the incidence angle.

        Raises
        ------
        TypeError
            If ``grid`` is not a GeoBox or Tile, or both or neither of ``grid`` and ``spacing`` are given.
        ValueError
            If a length is not above 0.

        Examples
        --------
        >>> from m3leo_sar import Looks, Window
        >>> Window.of_metres(rows=70, cols=46, spacing=(13.9, 3.7))
        Window(rows=5, cols=13, row_weights=None, col_weights=None)
        >>> Looks.of_metres(rows=40, cols=40, spacing=(13.9, 3.7))
        Looks(rows=3, cols=11)
        """
        if (grid is None) == (spacing is None):
            raise TypeError("give grid, a GeoBox or Tile, or spacing=(rows, cols) in metres, and not both")
        steps = pixel_spacing(grid) if spacing is None else spacing
        sizes = []
        for name, metres, step in (("rows", rows, steps[0]), ("cols", cols, steps[1])):
            if not (math.isfinite(metres) and metres > 0 and math.isfinite(step) and step > 0):
                raise ValueError(f"{name} and its spacing must be metres above 0, got {metres} and {step}")
            count = metres / step
            # Of two equally near sizes, the larger one: fewer looks cost more than a wider window.
            size = 2 * math.floor(count / 2) + 1 if cls._odd else math.floor(count + 0.5)
            sizes.append(max(1, size))
        return cls(rows=sizes[0], cols=sizes[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Window(_Extent):
    """Full size of a sliding window in pixels, and its weights unless they are all one.

    The sample at index ``size // 2`` of each axis is the centre, so an even window extends one sample further
    backward than forward: ``Window(rows=5, cols=20)`` covers columns c - 10 to c + 9.

    Parameters
    ----------
    rows, cols : int
        Size along rows (azimuth or northing) and columns (range or easting), at least 1.
    row_weights, col_weights : sequence of float, optional
        Separable weights, one per row and column of the window, finite, at least 0 and not all 0. Omit both for a
        boxcar window.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, or weights have a wrong length or an invalid value.

    Examples
    --------
    >>> from m3leo_sar import Window
    >>> Window(rows=5, cols=20).before
    (2, 10)
    >>> Window(rows=5, cols=20).after
    (2, 9)
    >>> Window.gaussian(rows=5, cols=9).row_weights == (0.1353352832366127, 0.6065306597126334, 1.0,
    ...                                                  0.6065306597126334, 0.1353352832366127)
    True
    """

    _odd: ClassVar[bool] = True
    row_weights: tuple[float, ...] | None = None
    col_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        # Without arguments, super() would refer to the class before slots replaced it.
        _Extent.__post_init__(self)
        for axis, size in (("row", self.rows), ("col", self.cols)):
            weights = getattr(self, f"{axis}_weights")
            if weights is not None:
                object.__setattr__(self, f"{axis}_weights", _weights(weights, f"Window {axis}_weights", size))

    @classmethod
    def gaussian(cls, *, rows: int, cols: int, sigma: tuple[float, float] | None = None) -> Window:
        """Window with Gaussian weights about its centre sample.

        Parameters
        ----------
        rows, cols : int
            Window size at which the weights are truncated.
        sigma : (float, float), optional
            Standard deviation along rows and columns in pixels, above 0. A quarter of (size - 1) by default, so that
            the window ends at two standard deviations.

        Raises
        ------
        ValueError
            If a size is below 1 or a sigma is not above 0.
        """
        plain = cls(rows=rows, cols=cols)
        spreads = sigma or (max(plain.rows - 1, 1) / 4, max(plain.cols - 1, 1) / 4)
        if len(spreads) != 2 or not all(math.isfinite(spread) and spread > 0 for spread in spreads):
            raise ValueError(f"sigma must be two finite numbers above 0, (rows, cols), got {sigma}")
        weights = [
            tuple(math.exp(-0.5 * ((index - size // 2) / spread) ** 2) for index in range(size))
            for size, spread in zip((plain.rows, plain.cols), spreads, strict=True)
        ]
        return cls(rows=plain.rows, cols=plain.cols, row_weights=weights[0], col_weights=weights[1])

    @property
    def samples(self) -> float:
        """Number of equally weighted samples with the variance of this window's mean: rows x cols for a boxcar."""
        count = 1.0
        for weights, size in ((self.row_weights, self.rows), (self.col_weights, self.cols)):
            taps = weights or (1.0,) * size
            count *= sum(taps) ** 2 / sum(tap * tap for tap in taps)
        return count

    @property
    def before(self) -> tuple[int, int]:
        """Samples before the centre, (rows, cols): the halo of a tile before its first row and column."""
        return self.rows // 2, self.cols // 2

    @property
    def after(self) -> tuple[int, int]:
        """Samples after the centre, (rows, cols): the halo of a tile after its last row and column."""
        return self.rows - 1 - self.rows // 2, self.cols - 1 - self.cols // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks(_Extent):
    """Samples averaged into one pixel of a decimated image.

    Parameters
    ----------
    rows, cols : int
        Looks along rows (azimuth) and columns (range), at least 1.

    Raises
    ------
    TypeError
        If a count is not an integer.
    ValueError
        If a count is below 1.

    Examples
    --------
    >>> from m3leo_sar import Looks
    >>> Looks(rows=2, cols=10).reduced((7, 25))
    (3, 2)
    """

    def reduced(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Shape after averaging; a remainder that does not fill a pixel is dropped."""
        return shape[0] // self.rows, shape[1] // self.cols


def _weights(weights: Sequence[float], name: str, size: int) -> tuple[float, ...]:
    taps = tuple(float(weight) for weight in weights)
    if len(taps) != size:
        raise ValueError(f"{name} must hold {size} weights, one per sample, got {len(taps)}")
    if not all(math.isfinite(tap) and tap >= 0 for tap in taps) or not any(taps):
        raise ValueError(f"{name} must be finite, at least 0 and not all 0, got {taps}")
    return taps
