"""A pixel grid in azimuth time and slant range."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit, OrbitArc

#: Number of coefficients of the Doppler polynomial and of an orbit arc in the kernels.
_DOPPLER, _ARC = 4, 16


@dataclass(frozen=True, slots=True)
class RadarGrid:
    """A pixel grid in azimuth time and slant range.

    Parameters
    ----------
    shape : (int, int)
        Rows (azimuth) and columns (range).
    azimuth_time : float
        Time of the first row, seconds, with the epoch of the orbit.
    azimuth_interval : float
        Seconds from row to row, above 0; by default rows are in the order of flight.
    slant_range : float
        Metres to the centre of the first column.
    range_spacing : float
        Metres from column to column, above 0.
    wavelength : float
        Metres; only relevant with a non-zero Doppler centroid.
    look : {"right", "left"}
        Look side relative to the flight direction.
    doppler : sequence of up to 4 floats
        Doppler frequency of the image's geometry as a polynomial in metres beyond the first column: Hz, Hz/m, ... Zero
        for images focused to zero Doppler, such as those of Sentinel-1, OPERA and NISAR.

    Raises
    ------
    ValueError
        If a value is not finite or out of range.

    Examples
    --------
    >>> grid = RadarGrid((1500, 20000), azimuth_time=100.0, azimuth_interval=0.002, slant_range=8e5,
    ...                  range_spacing=2.33, wavelength=0.0555)
    >>> grid.crop(slice(100, 200), slice(1000, 3000)).slant_range
    802330.0
    """

    shape: tuple[int, int]
    azimuth_time: float
    azimuth_interval: float
    slant_range: float
    range_spacing: float
    wavelength: float
    look: str = "right"
    doppler: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        shape = tuple(int(size) for size in self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise ValueError(f"shape must be (rows, cols), both at least 1, got {self.shape!r}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "doppler", tuple(float(term) for term in self.doppler))
        for name in ("azimuth_interval", "slant_range", "range_spacing", "wavelength"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be finite and above 0, got {getattr(self, name)}")
        if not math.isfinite(self.azimuth_time):
            raise ValueError(f"azimuth_time must be finite, got {self.azimuth_time}")
        if self.look not in ("right", "left"):
            raise ValueError(f"look must be right or left, got {self.look!r}")
        if not 1 <= len(self.doppler) <= _DOPPLER or not all(math.isfinite(term) for term in self.doppler):
            raise ValueError(f"doppler must be 1 to {_DOPPLER} finite coefficients, got {self.doppler}")

    def crop(self, rows: slice, cols: slice) -> RadarGrid:
        """Grid of the pixels ``[rows, cols]``; slices have step 1 and stay inside."""
        first_row, last_row, _ = rows.indices(self.shape[0])
        first_col, last_col, _ = cols.indices(self.shape[1])
        beyond = first_col * self.range_spacing
        terms = np.polynomial.Polynomial(self.doppler)(np.polynomial.Polynomial([beyond, 1.0])).coef
        return replace(
            self,
            shape=(last_row - first_row, last_col - first_col),
            azimuth_time=self.azimuth_time + first_row * self.azimuth_interval,
            slant_range=self.slant_range + beyond,
            doppler=tuple(terms),
        )

    def reduced(self, rows: int, cols: int) -> RadarGrid:
        """Grid of multilooked pixels of ``rows`` by ``cols`` pixels each; a remainder is dropped."""
        beyond = (cols - 1) / 2 * self.range_spacing
        terms = np.polynomial.Polynomial(self.doppler)(np.polynomial.Polynomial([beyond, 1.0])).coef
        return replace(
            self,
            shape=(self.shape[0] // rows, self.shape[1] // cols),
            azimuth_time=self.azimuth_time + (rows - 1) / 2 * self.azimuth_interval,
            azimuth_interval=rows * self.azimuth_interval,
            slant_range=self.slant_range + beyond,
            range_spacing=cols * self.range_spacing,
            doppler=tuple(terms),
        )

    def arc(self, orbit: Orbit) -> OrbitArc:
        """The orbit over the time span of this grid, extended by a fifth of it, at least a second, on both sides.

        Raises
        ------
        ValueError
            If the orbit does not cover the grid's times.
        """
        start = self.azimuth_time
        stop = start + (self.shape[0] - 1) * self.azimuth_interval
        if start < orbit.time[0] or stop > orbit.time[-1]:
            raise ValueError(
                f"orbit must cover the image, {start} to {stop} s, its state vectors run from {orbit.time[0]} "
                f"to {orbit.time[-1]} s"
            )
        more = max(0.2 * (stop - start), 1.0)
        return orbit.arc(max(start - more, orbit.time[0]), min(stop + more, orbit.time[-1]))

    def model(self, orbit: Orbit) -> NDArray[np.float64]:
        """Table (64,) of grid and orbit in the layout of the kernels (ext/warp/geometry.h)."""
        return _model(self, orbit)


@lru_cache(maxsize=16)
def _model(grid: RadarGrid, orbit: Orbit) -> NDArray[np.float64]:
    """Cached, as all tiles of an image use the same one."""
    arc = grid.arc(orbit)
    table = np.zeros(_ARC + 3 * _ARC)
    table[:8] = (
        grid.azimuth_time,
        grid.azimuth_interval,
        grid.slant_range,
        grid.range_spacing,
        1.0 if grid.look == "right" else -1.0,
        grid.wavelength / 2,
        arc.centre,
        arc.half,
    )
    table[8 : 8 + len(grid.doppler)] = grid.doppler
    table[_ARC:].reshape(3, _ARC)[:, : arc.terms.shape[1]] = arc.terms
    table.flags.writeable = False
    return table
