"""Samples and positions of grids in memory, read once for all pairs and windows."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._machine import available_cpus
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.run.loop import reason_of
from m3leo_sar.view.cache import ByteCache
from m3leo_sar.view.grid_part import GridPart, Unreadable
from m3leo_sar.view.opened_source import Source
from m3leo_sar.view.stack_parts import StackParts
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.view.store_parts import StoreParts

#: Most bytes of samples of one date of a grid.
_LARGEST_IMAGE = 1 << 30


class HeldSamples:
    """Reads the samples of a source; several threads may use one.

    Parameters
    ----------
    source : Source
    cache : ByteCache
    """

    def __init__(self, source: Source, cache: ByteCache) -> None:
        self.source, self.cache = source, cache
        self._readers = ThreadPoolExecutor(max(2, available_cpus()), thread_name_prefix="m3leo-read")

    def close(self) -> None:
        """End the threads."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def tile_parts(self, tile: str, window: Window, watch: Stopwatch) -> tuple[GridPart, ...]:
        """Parts of a tile of a stack or store; none if it lies off the stack."""
        source = self.source
        if isinstance(source, StoreParts):
            with watch.step("warp"):
                held, _ = self.cache.get(("frame", tile), lambda: self.safely(source.tile_parts, tile))
            return held  # type: ignore[no-any-return]
        return self.grid_parts(source.tiles[tile], window, watch)

    def grid_parts(self, geobox: GeoBox, window: Window, watch: Stopwatch) -> tuple[GridPart, ...]:
        """Parts of a grid on a stack, by positions that every pair and window of it share."""
        source = self.source
        assert isinstance(source, StackParts)
        halo = source.halo_of(window)
        with watch.step("warp"):
            placed, _ = self.cache.get(("place", geobox), lambda: self.safely(source.placed, geobox))
            parts, _ = self.cache.get(("parts", geobox, halo), lambda: source.parts(placed, halo))
        return parts  # type: ignore[no-any-return]

    def images(
        self, part: GridPart, polarisation: str, dates: Sequence[datetime.date], watch: Stopwatch
    ) -> list[NDArray[Any]]:
        """Samples of some dates, read at the same time and kept.

        Raises
        ------
        Unreadable
            If a date cannot be read.
        ValueError
            If the grid needs more than 1 GiB of each date.
        """
        _check_size(part.shape)
        whole = tuple(slice(0, size) for size in part.shape)

        def held(date: datetime.date) -> NDArray[Any]:
            key = ("image", part.key, polarisation, date)
            return self.cache.get(key, lambda: self._read(part, polarisation, date, whole, watch))[0]  # type: ignore[no-any-return]

        return self.each(held, dates)

    def windows(
        self,
        part: GridPart,
        polarisation: str,
        dates: Sequence[datetime.date],
        spans: tuple[slice, slice],
        watch: Stopwatch,
    ) -> NDArray[Any]:
        """Samples [rows, cols] of some dates as (dates, rows, cols), from memory where their image is there.

        A date that cannot be read is NaN, unless none can.

        Raises
        ------
        Unreadable
            If no date can be read.
        """
        faults: list[Unreadable] = []

        def one(date: datetime.date) -> NDArray[Any]:
            image = self.cache.peek(("image", part.key, polarisation, date))
            if image is not None:
                return image[spans]  # type: ignore[no-any-return]
            try:
                return self._read(part, polarisation, date, spans, watch)
            except Unreadable as error:
                faults.append(error)
                return np.full([span.stop - span.start for span in spans], np.nan, np.complex64)

        found = np.stack(self.each(one, dates))
        if len(faults) == len(dates):
            raise faults[0]
        return found

    def each(self, do: Callable[[datetime.date], Any], dates: Sequence[datetime.date]) -> list[Any]:
        """Results of a function of a date, several at the same time, in the order of the dates."""
        first, *others = dates
        waited_for = [self._readers.submit(do, date) for date in others]
        return [do(first), *(future.result() for future in waited_for)]

    def safely(self, read: Callable[..., Any], *arguments: Any) -> Any:
        """What a function reads; faults of files in one sentence.

        Raises
        ------
        Unreadable
            If it cannot be read.
        """
        try:
            return read(*arguments)
        except (OSError, ValueError, MemoryError) as error:
            name = self.source.name
            if self.source.is_gone:
                raise Unreadable(f"{name} is gone: it was moved or removed") from error
            raise Unreadable(f"{name} cannot be read: {reason_of(error)}") from error

    def _read(
        self, part: GridPart, polarisation: str, date: datetime.date, spans: tuple[slice, ...], watch: Stopwatch
    ) -> NDArray[Any]:
        with watch.step("read"):
            return self.safely(part.read, polarisation, date, *spans)  # type: ignore[no-any-return]


def _check_size(shape: tuple[int, int]) -> None:
    size = 8 * shape[0] * shape[1]
    if size > _LARGEST_IMAGE:
        raise ValueError(
            f"a map must need at most {_LARGEST_IMAGE >> 20} MiB of each date, this one needs {size >> 20} MiB; "
            "take a smaller grid"
        )
