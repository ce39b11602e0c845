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
from m3leo_sar._display import as_line
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.stack.concurrent_read import derived_read, read_each
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.pair_choice import chosen_pairs
from m3leo_sar.stack.pairs import as_date, require_date
from m3leo_sar.stack.polarisation import parse_polarisations
from m3leo_sar.stack.stack_display import facts_of_stack
from m3leo_sar.stack.stack_selection import selected
from m3leo_sar.stack.stack_summary import StackSummary, summary_of
from m3leo_sar.stack.stack_xarray import facts_of_xarray, stack_as_xarray

#: Reads the pixels [rows, cols] of the image with an index; slices have step 1 and lie inside. All dates of the first
#: polarisation come first.
Read = Callable[[int, slice, slice], NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SlcStack:
    """Co-registered single-look complex images of one track, in one or several polarisations; read on demand.

    Parameters
    ----------
    dates : sequence of datetime.date
        Strictly increasing.
    read : callable
        ``read(index, rows, cols)`` returns the (rows, cols) complex pixels of two slices of an image. The index is
        that of the date, or of several polarisations ``polarisation * len(dates) + date``.
    geometry : GeoBox, RadarGeometry, StoredRadarGeometry or OrbitGeometry
        Geometry of the pixels, of the shape of each image.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``, or several of them as ``"VV+VH"``.
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
    platforms : sequence of str or None, optional
        Satellite of each date, such as ``"S1A"`` or ``"NISAR"``.
    burst : str, optional
        Burst or frame, such as ``"T087-185683-IW2"``.
    frequency : str, optional
        Band of a sensor with several, such as ``"A"`` or ``"B"`` of NISAR.
    flattened : bool, optional
        Whether the phase of flat earth and topography is taken off every date, relative to one reference, so that the
        interferogram of any pair is flat; None if unknown.
    acquisitions : sequence of (Orbit, RadarGrid), optional
        Orbit and grid with which each date was acquired, before co-registration. With an OrbitGeometry, the phase of
        flat earth and topography follows from them.
    outline : sequence of (row, col), optional
        Corners of the convex area with data, where it is known without reading pixels.
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
    platforms: tuple[str | None, ...] | None = None
    burst: str | None = None
    frequency: str | None = None
    flattened: bool | None = None
    acquisitions: tuple[tuple[Orbit, RadarGrid], ...] | None = None
    outline: tuple[tuple[float, float], ...] | None = None
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
        if self.platforms is not None:
            object.__setattr__(self, "platforms", tuple(self.platforms))
            if len(self.platforms) != len(dates):
                raise ValueError(
                    f"platforms must hold one of each of the {len(dates)} dates, got {len(self.platforms)}"
                )
        if self.acquisitions is not None:
            object.__setattr__(self, "acquisitions", tuple(self.acquisitions))
            if len(self.acquisitions) != len(dates):
                raise ValueError(
                    f"acquisitions must hold one of each of the {len(dates)} dates, got {len(self.acquisitions)}"
                )
        parse_polarisations(self.polarisation)
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

        Of several polarisations, the array is (polarisations, dates, rows, cols).

        Raises
        ------
        ValueError
            If the array's shape does not fit the dates and the geometry.
        """
        count = len(parse_polarisations(polarisation))
        expected = (*((count,) if count > 1 else ()), len(dates), *geometry.shape)
        if array.shape != expected:
            raise ValueError(f"array must have shape {expected}, got {array.shape}")
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
    def polarisations(self) -> tuple[str, ...]:
        """Polarisations of each date, in order."""
        return parse_polarisations(self.polarisation)

    @property
    def is_in_memory(self) -> bool:
        """Whether the stack is over an array, as :meth:`from_arrays` makes it."""
        return getattr(self.read, "func", None) is _part

    @property
    def shape(self) -> tuple[int, int, int]:
        """(dates, rows, cols), whatever the number of polarisations."""
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
        polarisation: str | None = None,
    ) -> NDArray[Any]:
        """Read the pixels ``[rows, cols]`` of some or all dates as (dates, rows, cols).

        Raises
        ------
        ValueError
            If a date is missing, the stack has several polarisations and none is named, a slice is empty or has a
            step, or the reader returned another shape or dtype.
        """
        chosen = self._polarisation(polarisation)
        some = self.dates if dates is None else dates
        return self.images([(chosen, date) for date in some], rows, cols)

    def images(
        self, wanted: Sequence[tuple[str, datetime.date]], rows: slice = slice(None), cols: slice = slice(None)
    ) -> NDArray[Any]:
        """Read the pixels ``[rows, cols]`` of images named by polarisation and date, as (images, rows, cols).

        Raises
        ------
        ValueError
            As :meth:`window`.
        """
        rows, cols = _plain(rows, self.shape[1], "rows"), _plain(cols, self.shape[2], "cols")
        size = (rows.stop - rows.start, cols.stop - cols.start)
        out = np.empty((len(wanted), *size), self.dtype)
        indices = [self._index(polarisation, date) for polarisation, date in wanted]
        found = read_each(self.read, indices, rows, cols)
        for position, ((_, date), pixels) in enumerate(zip(wanted, found, strict=True)):
            # The dtype's name, as bytes may be in the other order, which the copy below swaps.
            if pixels.shape != size or pixels.dtype.name != self.dtype:
                raise ValueError(
                    f"{self.name}: reading {date} must give {self.dtype} of shape {size}, "
                    f"got {pixels.dtype} of shape {pixels.shape}"
                )
            # A masked array would lose its mask.
            out[position] = _check.filled(pixels, f"{self.name} of {date}")
        return out

    def _index(self, polarisation: str, date: datetime.date) -> int:
        """Index of an image for :attr:`read`."""
        return self.polarisations.index(self._polarisation(polarisation)) * len(self.dates) + self.date_index(date)

    def _polarisation(self, wanted: str | None) -> str:
        held = self.polarisations
        if wanted is None and len(held) > 1:
            raise ValueError(
                f"polarisation must be one of {', '.join(held)}, which {self.name} has, got none; "
                f"stack.sel(polarisation={held[0]!r}) is the stack of one"
            )
        if wanted is not None and wanted.upper() not in held:
            raise ValueError(f"polarisation must be one of {', '.join(held)}, which {self.name} has, got {wanted!r}")
        return held[0] if wanted is None else wanted.upper()

    def sel(
        self, *, dates: Any = None, polarisation: str | Sequence[str] | None = None, bounds: Any = None
    ) -> SlcStack:
        """Part of the stack, still unread.

        Parameters
        ----------
        dates : date, text, a sequence of these, or slice, optional
            ``"2023-03-01"``, several, or ``slice("2023-03-01", "2023-06-30")``, both ends included.
        polarisation : str or sequence of str, optional
            ``"VV"``, or several as ``"VV+VH"``.
        bounds : (west, south, east, north), Tile or GeoBox, optional
            Degrees; the pixels that hold it.

        Raises
        ------
        ValueError
            If a date or polarisation is not in the stack, or the bounds do not touch it.

        Examples
        --------
        >>> import datetime, numpy as np
        >>> from m3leo_sar import GeoBox, SlcStack
        >>> box = GeoBox.from_bounds((500000, 0, 500700, 500), shape=(5, 7), crs="EPSG:32631")
        >>> dates = [datetime.date(2023, 1, day) for day in (1, 13, 25)]
        >>> pixels = np.ones((2, 3, 5, 7), "complex64")
        >>> stack = SlcStack.from_arrays(pixels, dates, geometry=box, polarisation="VV+VH")
        >>> stack.sel(dates=slice("2023-01-02", None), polarisation="VH").shape
        (2, 5, 7)
        """
        return selected(self, dates=dates, polarisation=polarisation, bounds=bounds)

    def crop(self, rows: slice, cols: slice) -> SlcStack:
        """Stack of the pixels ``[rows, cols]``, still unread."""
        rows, cols = _plain(rows, self.shape[1], "rows"), _plain(cols, self.shape[2], "cols")

        read = derived_read(_read_shifted, self.read, rows.start, cols.start)
        return replace(self, read=read, geometry=self.geometry.crop(rows, cols), outline=None)

    def summary(self) -> StackSummary:
        """Dates with platforms and gaps, spacing, bounds and size; it prints as a table and reads no pixel."""
        return summary_of(self)

    def explore(self, **options: Any) -> Any:
        """Show any pair of the stack in a page on this machine, in a notebook in its cell.

        Parameters
        ----------
        **options
            As :func:`m3leo_sar.view.view.view` takes them, such as ``tiles`` and ``window``.

        Returns
        -------
        View
            With the ``url`` of the page and ``close()``.

        Raises
        ------
        ImportError
            If Bokeh is not installed.
        """
        # The room that shows stacks lies above this one.
        import m3leo_sar

        return m3leo_sar.view(self, **options)

    def to_xarray(self) -> Any:
        """The stack as an xarray.Dataset over dask arrays, from which pixels are read block by block.

        Returns
        -------
        xarray.Dataset
            One variable per polarisation, (time, y, x) or (time, azimuth, range) complex, with the names of CF and
            GeoZarr: coordinates ``time``, ``y``, ``x``, ``spatial_ref`` and ``platform``; in radar geometry
            ``latitude`` and ``longitude``, where they are in memory.

        Raises
        ------
        ImportError
            If xarray or dask is not installed.
        """
        return stack_as_xarray(self)

    @classmethod
    def from_xarray(cls, data: Any, *, geometry: Geometry | None = None) -> SlcStack:
        """Stack over an xarray.Dataset as :meth:`to_xarray` gives it, or a selection of one; pixels are read on demand.

        Parameters
        ----------
        data : xarray.Dataset or DataArray
            Complex variables named by polarisation; a DataArray has it as an attribute ``polarisation``.
        geometry : optional
            Positions of the pixels, if the coordinates do not contain them.

        Raises
        ------
        ValueError
            If it has no variable of a polarisation, no times, or no positions.
        """
        return cls(**facts_of_xarray(data, geometry=geometry))

    def __repr__(self) -> str:
        return as_line("SlcStack", facts_of_stack(self))

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All pixels of all dates, (dates, rows, cols), read into memory; of one polarisation.

        Raises
        ------
        ValueError
            If ``copy`` is False: pixels are read anew.
        """
        if copy is False:
            raise ValueError("copy must not be False: the pixels of a stack are read anew on each request")
        return self.window().astype(dtype or self.dtype, copy=False)


def _part(array: NDArray[Any], index: int, rows: slice, cols: slice) -> NDArray[Any]:
    image = array[index] if array.ndim == 3 else array[divmod(index, array.shape[1])]
    part: NDArray[Any] = image[rows, cols]
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
