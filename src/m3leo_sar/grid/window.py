"""Neighbourhood sizes whose axis order is a type."""

from __future__ import annotations

import operator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class _Extent:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Window(_Extent):
    """Full size of a sliding window in pixels.

    The sample at index ``size // 2`` of each axis is the centre, so an even window reaches one sample further
    back than forward: ``Window(rows=5, cols=20)`` covers columns c - 10 to c + 9.

    Parameters
    ----------
    rows, cols : int
        Size along rows (azimuth or northing) and columns (range or easting), at least 1.

    Raises
    ------
    TypeError
        If a size is not a whole number.
    ValueError
        If a size is below 1.

    Examples
    --------
    >>> from m3leo_sar import Window
    >>> Window(rows=5, cols=20).before
    (2, 10)
    >>> Window(rows=5, cols=20).after
    (2, 9)
    """

    @property
    def before(self) -> tuple[int, int]:
        """Samples before the centre, (rows, cols): the halo a tile needs at its first row and column."""
        return self.rows // 2, self.cols // 2

    @property
    def after(self) -> tuple[int, int]:
        """Samples after the centre, (rows, cols): the halo a tile needs behind its last row and column."""
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
        If a count is not a whole number.
    ValueError
        If a count is below 1.

    Examples
    --------
    >>> from m3leo_sar import Looks
    >>> Looks(rows=2, cols=10).reduced((7, 25))
    (3, 2)
    """

    def reduced(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Shape after averaging; a remainder that does not fill a whole look is left out."""
        return shape[0] // self.rows, shape[1] // self.cols
