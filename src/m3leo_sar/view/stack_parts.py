"""The parts of a stack, or of the bursts of a track, that a grid needs."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid import antimeridian
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.products.placement import Part, positions_on, span_on
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.flatness import warn_unless_flat
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.view.coarse_positions import coarse_positions
from m3leo_sar.view.grid_part import RESAMPLING, GridPart
from m3leo_sar.warp.pixel_map import PixelMap

#: Halos that are read: a wider window within the same halo needs no other samples.
_HALOS = (21, 65, 255)


class Placed(NamedTuple):
    """Position of a grid's pixels on each burst."""

    parts: tuple[Part, ...]

    @property
    def nbytes(self) -> int:
        """Most bytes of the positions, each a row and a column."""
        return sum(16 * int(np.prod(part.positions.shape)) for part in self.parts)


class StackParts:
    """A stack as the explorer reads it.

    Parameters
    ----------
    stack : SlcStack or BurstSet
    tiles : mapping of str to GeoBox
    path : Path or RemoteFile, optional
        Where it lies; None of a stack in memory.
    options : mapping, optional
        Those with which the path was opened.
    is_as_read : bool
        Whether the samples are those of the files, not flattened as they are read.
    """

    kind = "stack"

    def __init__(
        self,
        stack: SlcStack | BurstSet,
        tiles: Mapping[str, GeoBox],
        path: Any = None,
        options: Mapping[str, Any] | None = None,
        *,
        is_as_read: bool = True,
    ) -> None:
        self.stack, self.tiles, self.path = stack, tiles, path
        self.options, self.is_as_read = dict(options or {}), is_as_read
        self.name = stack.name
        self.dates, self.passings = stack.dates, stack.passings
        self.polarisations = stack.polarisations
        #: Any window will do.
        self.largest_window: Window | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the files were removed."""
        return isinstance(self.path, Path) and not self.path.exists()

    @property
    def bursts(self) -> tuple[SlcStack, ...]:
        """The stack, or the bursts of a set."""
        return (self.stack,) if isinstance(self.stack, SlcStack) else self.stack.bursts

    @property
    def bounds(self) -> antimeridian.Bounds:
        """(west, south, east, north) in degrees."""
        if isinstance(self.stack, BurstSet):
            return self.stack.bounds
        place = self.stack.geometry
        return place.bounds_in("EPSG:4326") if isinstance(place, GeoBox) else place.bounds

    def warn_unless_flat(self, window: Window) -> None:
        """Warn of a stack in radar geometry that is not known to be flattened."""
        warn_unless_flat(self.stack, (window.rows, window.cols), stacklevel=4)

    def halo_of(self, window: Window) -> Window:
        """The window whose halo is read for a window."""
        rows, cols = (next(size for size in (*_HALOS, side) if size >= side) for side in (window.rows, window.cols))
        return Window(rows=rows, cols=cols)

    def placed(self, geobox: GeoBox) -> Placed:
        """Position of a grid's pixels on each burst; none where no pixel lies on the stack."""
        return self._placed(geobox, positions_on)

    def placed_far(self, geobox: GeoBox) -> Placed:
        """As :meth:`placed`, of wide pixels: between posts (:mod:`m3leo_sar.view.coarse_positions`)."""
        return self._placed(geobox, coarse_positions)

    def _placed(self, geobox: GeoBox, place: Callable[[SlcStack, GeoBox], PixelMap]) -> Placed:
        found = [(burst, place(burst, geobox)) for burst in self.bursts]
        found = [(burst, positions) for burst, positions in found if _lies_on(burst, positions)]
        if isinstance(self.stack, SlcStack):
            return Placed(tuple(Part(burst, positions) for burst, positions in found))
        places = {id(burst): (positions.rows, positions.cols) for burst, positions in found}
        nowhere = (np.full(geobox.shape, np.nan),) * 2
        choice = self.stack.choice([places.get(id(burst), nowhere) for burst in self.bursts])
        order = {id(burst): index for index, burst in enumerate(self.bursts)}
        parts = (Part(burst, positions, choice == order[id(burst)]) for burst, positions in found)
        return Placed(tuple(part for part in parts if part.mask is not None and part.mask.any()))

    def parts(self, placed: Placed, window: Window) -> tuple[GridPart, ...]:
        """What a grid needs of the stack for windows up to a size, from :meth:`placed`."""
        return tuple(_grid_part(part, window) for part in placed.parts)


def _lies_on(burst: SlcStack, positions: Any) -> bool:
    try:
        positions.window()
    except ValueError:
        return False
    return True


def _grid_part(part: Part, window: Window) -> GridPart:
    stack = part.stack
    rows, cols = span_on(stack, part.positions, window=window, resampling=RESAMPLING)
    return GridPart(
        key=(id(stack), rows.start, rows.stop, cols.start, cols.stop),
        read=partial(_read, stack, rows.start, cols.start),
        shape=(rows.stop - rows.start, cols.stop - cols.start),
        positions=part.positions.relative_to(rows, cols),
        mask=part.mask,
    )


def _read(
    stack: SlcStack, row: int, col: int, polarisation: str, date: datetime.date, rows: slice, cols: slice
) -> NDArray[Any]:
    spans = (slice(span.start + first, span.stop + first) for span, first in zip((rows, cols), (row, col), strict=True))
    return stack.images([(polarisation, date)], *spans)[0]
