"""The part of a stack that one tile needs, with the positions of the tile's pixels in it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TileFrame:
    """Place of a tile on a stack: the window that it needs and the source position of each of its pixels.

    Parameters
    ----------
    geobox : GeoBox
        The tile's own pixel grid.
    rows, cols : slice
        Window of the stack, halo included.
    down, along : float64 arrays
        Positions in pixels of the window as a pixel map holds them: (tile rows, tile cols) each, or sums of few terms,
        (2, tile rows, terms) and (2, terms, tile cols).
    terms : int
        Number of terms, 0 for direct positions.
    origin : (float, float)
        Subtracted from the sums.
    error : float
        Largest deviation of positions from the exact transform, in source pixels.
    scale : (float, float), optional
        Source pixels from one tile pixel to the next, along rows and columns.
    """

    geobox: GeoBox
    rows: slice
    cols: slice
    down: NDArray[np.float64]
    along: NDArray[np.float64]
    terms: int
    origin: tuple[float, float]
    error: float = 0.0
    scale: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the window of the stack."""
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start

    @property
    def nbytes(self) -> int:
        """Bytes of the positions."""
        return int(self.down.nbytes + self.along.nbytes)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TileSamples:
    """Samples of the dates of one tile, held in memory of the host or of a device.

    A tile that is read in several polarisations has samples of each: those of the first are this value, the others are
    ``beside`` it.

    Parameters
    ----------
    identifier : str
        The tile's.
    frame : TileFrame
    dates : tuple of datetime.date
        Strictly increasing.
    slc : (dates, rows, cols, 2) int16 or (dates, rows, cols) complex64
        NumPy or CuPy. Complex int16 holds parts in units of ``scales``, -32768 where there is no data.
    scales : tuple of float
        Unit of a part, one per date; 1 for complex64.
    window : Window
        The largest coherence window whose halo the samples hold.
    polarisation : str, optional
    beside : tuple of TileSamples
        Samples of the other polarisations, of the same tile and dates.

    Raises
    ------
    ValueError
        If the arrays do not fit the dates and the frame.
    """

    identifier: str
    frame: TileFrame
    dates: tuple[datetime.date, ...]
    slc: Any
    scales: tuple[float, ...]
    window: Window
    polarisation: str | None = None
    beside: tuple[TileSamples, ...] = ()

    def __post_init__(self) -> None:
        expected = (len(self.dates), *self.frame.shape) + ((2,) if str(self.slc.dtype) == "int16" else ())
        if tuple(self.slc.shape) != expected or len(self.scales) != len(self.dates):
            raise ValueError(
                f"slc of tile {self.identifier} must have shape {expected} and one scale per date, got "
                f"{tuple(self.slc.shape)} and {len(self.scales)} scales"
            )

    @property
    def nbytes(self) -> int:
        """Bytes of samples and positions, also of those beside."""
        return int(self.slc.nbytes) + self.frame.nbytes + sum(other.nbytes for other in self.beside)

    def of_polarisation(self, polarisation: str | None) -> TileSamples:
        """Samples of one polarisation; None for that of this value.

        Raises
        ------
        ValueError
            If there are none.
        """
        every = (self, *self.beside)
        found = next((one for one in every if polarisation in (None, one.polarisation)), None)
        if found is None:
            held = ", ".join(str(one.polarisation) for one in every)
            raise ValueError(f"tile {self.identifier} must hold samples of {polarisation}, it holds {held}")
        return found

    def moved(self, to_device: Callable[[Any], Any]) -> TileSamples:
        """The same with all samples on a device; positions stay in host memory."""
        return replace(self, slc=to_device(self.slc), beside=tuple(other.moved(to_device) for other in self.beside))
