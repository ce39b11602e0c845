"""A stack of co-registered single-look complex images (SLCs): dates, geometry, and access to windows."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar import _check
from m3leo_sar._display import as_line, as_table
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.pair_choice import chosen_pairs
from m3leo_sar.stack.pairs import as_date, require_date
from m3leo_sar.stack.stack_display import facts_of_stack

#: Reads the pixels [rows, cols] of the date with an index; slices have step 1 and lie inside.
Read = Callable[[int, slice, slice], NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SlcStack:
    """Co-registered single-look complex images of one track and polarisation; pixels are read on demand.

    Parameters
    ----------
    dates : sequence of datetime.date
        Strictly increasing.
    read : callable
        ``read(date_index, rows, cols)`` returns the (rows, cols) complex pixels of two slices.
    geometry : GeoBox, RadarGeometry, StoredRadarGeometry or OrbitGeometry
        Geometry of the pixels, of the shape of each image.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``.
    dtype : str
        ``"complex64"`` or ``"complex128"``: what ``read`` returns.
    orbit : str, optional
        ``"ascending"`` or ``"descending"``.
    track : int, optional
        Relative orbit number.
    wavelength : float, optional
        Radar wavelength in metres.
    times : sequence of datetime.datetime, optional
        Time of passing of each date, UTC without a time zone; days between dates then count from time to time.
    name : str
        Name of the stack in messages, such as its path.

    Raises
    ------
    TypeError
        If a date is no date.
    ValueError
        If there are no dates, they do not increase, or another value is not among those above.

    Examples
    --------
    >>> import datetime, numpy as np
    >>> from m3leo_sar import GeoBox, SlcStack
    >>> box = GeoBox.from_bounds((500000, 0, 500700, 500), shape=(5, 7), crs="EPSG:32631")
    >>> dates = [datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)]
    >>> stack = SlcStack.from_arrays(np.ones((2, 5, 7), "complex64"), dates, geometry=box, polarisation="VV")
    >>> stack.window(slice(1, 3), slice(0, 7)).shape
    (2, 2, 7)
    """

    dates: tuple[datetime.date, ...]
    read: Read
    geometry: Geometry
    polarisation: str
    dtype: str = "complex64"
    orbit: str | None = None
    track: int | None = None
    wavelength: float | None = None
    times: tuple[datetime.datetime, ...] | None = None
    name: str = "stack"

    def __post_init__(self) -> None:
        dates = tuple(as_date(date, "dates") for date in self.dates)
        object.__setattr__(self, "dates", dates)
        if not dates:
            raise ValueError("dates must hold at least one date, got none")
        for earlier, later in itertools.pairwise(dates):
            if not earlier < later:
                raise ValueError(f"dates must strictly increase, got {later} after {earlier}")
        if self.times is not None:
            object.__setattr__(self, "times", _checked_times(self.times, dates))
        _one_of("polarisation", self.polarisation, ("VV", "VH", "HH", "HV"))
        _one_of("dtype", self.dtype, ("complex64", "complex128"))
        _one_of("orbit", self.orbit, (None, "ascending", "descending"))

    @classmethod
    def from_arrays(
        cls,
        array: NDArray[Any],
        dates: Sequence[datetime.date],
        *,
        geometry: Geometry,
        polarisation: str,
        **rest: Any,
    ) -> SlcStack:
        """Stack over an array (dates, rows, cols) in memory, which it does not copy.

        Raises
        ------
        ValueError
            If the array's shape does not fit the dates and the geometry.
        """
        if array.shape != (len(dates), *geometry.shape):
            raise ValueError(f"array must have shape {(len(dates), *geometry.shape)}, got {array.shape}")
        return cls(
            dates=tuple(dates),
            read=partial(_part, array),
            geometry=geometry,
            polarisation=polarisation,
            dtype=array.dtype.name,
            **rest,
        )

    @property
    def passings(self) -> tuple[datetime.date, ...]:
        """Times of passing if known, else dates: the input of the rules for pairs."""
        return self.dates if self.times is None else self.times

    @property
    def is_in_memory(self) -> bool:
        """Whether the stack is over an array, as :meth:`from_arrays` makes it."""
        return getattr(self.read, "func", None) is _part

    @property
    def shape(self) -> tuple[int, int, int]:
        """(dates, rows, cols)."""
        return len(self.dates), *self.geometry.shape

    def date_index(self, date: datetime.date) -> int:
        """Position of a date; ValueError names the nearest dates if it is missing."""
        require_date(date, self.dates)
        return self.dates.index(date)

    def pair_indices(self, pairs: Any) -> list[tuple[int, int]]:
        """Positions (reference, secondary) of each pair's dates, in any notation; ValueError names a missing date.

        A pair is a ``Pair``, ``"20230301_20230313"``, two dates or two indices; one of them, or a sequence.
        """
        return chosen_pairs(pairs, count=len(self.dates), dates=self.dates).indices

    def window(
        self,
        rows: slice = slice(None),
        cols: slice = slice(None),
        *,
        dates: Sequence[datetime.date] | None = None,
    ) -> NDArray[Any]:
        """Read the pixels ``[rows, cols]`` of some or all dates as (dates, rows, cols).

        Raises
        ------
        ValueError
            If a date is missing, a slice is empty or has a step, or the reader returned another shape or dtype.
        """
        rows, cols = _plain(rows, self.shape[1], "rows"), _plain(cols, self.shape[2], "cols")
        indices = range(len(self.dates)) if dates is None else [self.date_index(date) for date in dates]
        size = (rows.stop - rows.start, cols.stop - cols.start)
        out = np.empty((len(indices), *size), self.dtype)
        for position, index in enumerate(indices):
            pixels = self.read(index, rows, cols)
            # The dtype's name, as bytes may be in the other order, which the copy below swaps.
            if pixels.shape != size or pixels.dtype.name != self.dtype:
                raise ValueError(
                    f"{self.name}: reading {self.dates[index]} must give {self.dtype} of shape {size}, "
                    f"got {pixels.dtype} of shape {pixels.shape}"
                )
            # A masked array would lose its mask.
            out[position] = _check.filled(pixels, f"{self.name} of {self.dates[index]}")
        return out

    def crop(self, rows: slice, cols: slice) -> SlcStack:
        """Stack of the pixels ``[rows, cols]``, still unread."""
        rows, cols = _plain(rows, self.shape[1], "rows"), _plain(cols, self.shape[2], "cols")

        read = partial(_read_shifted, self.read, rows.start, cols.start)
        return replace(self, read=read, geometry=self.geometry.crop(rows, cols))

    def __repr__(self) -> str:
        return as_line("SlcStack", facts_of_stack(self))

    def _repr_html_(self) -> str:
        dates = [{"date": date.isoformat()} for date in self.dates]
        return as_table("SlcStack", facts_of_stack(self), rows=dates)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All pixels of all dates, (dates, rows, cols), read into memory.

        Raises
        ------
        ValueError
            If ``copy`` is False: pixels are read anew.
        """
        if copy is False:
            raise ValueError("copy must not be False: the pixels of a stack are read anew on each request")
        return self.window().astype(dtype or self.dtype, copy=False)


def _part(array: NDArray[Any], index: int, rows: slice, cols: slice) -> NDArray[Any]:
    part: NDArray[Any] = array[index, rows, cols]
    return part


def _read_shifted(read: Read, row: int, col: int, index: int, rows: slice, cols: slice) -> NDArray[Any]:
    return read(index, _shifted(rows, row), _shifted(cols, col))


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(str(choice) for choice in choices)}, got {value!r}")


def _checked_times(
    times: Sequence[datetime.datetime], dates: tuple[datetime.date, ...]
) -> tuple[datetime.datetime, ...]:
    if [as_date(time, "times") for time in times] != list(dates):
        raise ValueError(f"times must hold a time of each of the {len(dates)} dates, got {len(times)} others")
    if not all(isinstance(time, datetime.datetime) and time.tzinfo is None for time in times):
        raise TypeError("times must be datetime.datetime in UTC without a time zone")
    return tuple(times)


def _plain(part: slice, size: int, name: str) -> slice:
    start, stop, step = part.indices(size)
    if step != 1 or start >= stop:
        raise ValueError(f"{name} must be a slice with step 1 that holds a pixel of 0 to {size}, got {part}")
    return slice(start, stop)


def _shifted(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)
