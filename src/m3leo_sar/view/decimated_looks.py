"""A layer of a whole scene from few samples: windows far apart, each the window of a chip."""

from __future__ import annotations

import datetime
import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Looks, Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.multilook import multilook
from m3leo_sar.io.stacks.sparse_samples import sparse_samples
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.view.held_samples import HeldSamples
from m3leo_sar.view.pair_map import dates_of
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.warp.pixel_map import PixelMap

#: Rows and columns of cells that are read and kept together.
_GROUP = 32


class Cells(NamedTuple):
    """A regular choice of windows of an image: one in the middle of each cell."""

    #: Rows and columns of the image.
    shape: tuple[int, int]
    #: Rows and columns from one window to the next, at least those of a window.
    step: tuple[int, int]
    window: Window

    @classmethod
    def of(cls, shape: tuple[int, int], step: tuple[float, float], window: Window) -> Cells:
        """Cells of about a size in samples, of an image."""
        sides = [min(side, size) for side, size in zip((window.rows, window.cols), shape, strict=True)]
        steps = [min(max(round(wanted), side), size) for wanted, side, size in zip(step, sides, shape, strict=True)]
        return cls(shape, (steps[0], steps[1]), Window(rows=sides[0], cols=sides[1]))

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.shape[0] // self.step[0], self.shape[1] // self.step[1]

    @property
    def first(self) -> tuple[int, int]:
        """First row and column of the first window."""
        return (self.step[0] - self.window.rows) // 2, (self.step[1] - self.window.cols) // 2

    @property
    def centre(self) -> tuple[int, int]:
        """Row and column of the centre sample of the first window, at which its value lies."""
        return self.first[0] + self.window.rows // 2, self.first[1] + self.window.cols // 2

    def places(self, axis: int, cells: slice) -> NDArray[np.intp]:
        """Rows (axis 0) or columns (1) of the samples of some cells."""
        side = (self.window.rows, self.window.cols)[axis]
        starts = self.first[axis] + self.step[axis] * np.arange(cells.start, cells.stop)
        return (starts[:, None] + np.arange(side)).ravel()

    def positions(self, positions: PixelMap) -> PixelMap:
        """Positions in samples as positions in cells."""
        rows, cols = (
            (axis - centre) / step
            for axis, centre, step in zip((positions.rows, positions.cols), self.centre, self.step, strict=True)
        )
        scale = positions.scale
        scale = None if scale is None else (scale[0] / self.step[0], scale[1] / self.step[1])
        return PixelMap(rows, cols, self.counts, scale=scale)


def looked_plane(
    held: HeldSamples,
    stack: SlcStack,
    cells: Cells,
    spans: tuple[slice, slice],
    *,
    layer: str,
    polarisation: str,
    dates: tuple[datetime.date, datetime.date],
    watch: Stopwatch,
) -> NDArray[Any]:
    """A layer at some rows and columns of cells.

    Returns
    -------
    (rows, cols) float32 or complex64
        Of a coherence, the value of the full scene at the centre sample, bit for bit; of a phase, the complex
        coherence; of an intensity, the mean over the window. NaN where fewer than half of the samples are valid.
    """
    out = np.empty([span.stop - span.start for span in spans], np.complex64 if layer == "phase" else np.float32)
    for down, along in itertools.product(
        *(_groups(span, count) for span, count in zip(spans, cells.counts, strict=True))
    ):
        key = ("looks", id(stack), cells, layer, polarisation, dates, down.start, along.start)

        def make(group: tuple[slice, slice] = (down, along)) -> NDArray[Any]:
            images = [
                _samples(held, stack, cells, group, polarisation, dates[index], watch) for index in dates_of(layer)
            ]
            return _estimated(images, cells, layer, watch)

        plane, _ = held.cache.get(key, make)
        into, of = zip(*(_common(span, group) for span, group in zip(spans, (down, along), strict=True)), strict=True)
        out[into] = plane[of]
    return out


def _groups(span: slice, count: int) -> list[slice]:
    firsts = range(span.start // _GROUP * _GROUP, span.stop, _GROUP)
    return [slice(first, min(first + _GROUP, count)) for first in firsts]


def _common(span: slice, group: slice) -> tuple[slice, slice]:
    """The common part of a span and a group, counted from the start of each."""
    first, last = max(span.start, group.start), min(span.stop, group.stop)
    return slice(first - span.start, last - span.start), slice(first - group.start, last - group.start)


def _samples(
    held: HeldSamples,
    stack: SlcStack,
    cells: Cells,
    group: tuple[slice, slice],
    polarisation: str,
    date: datetime.date,
    watch: Stopwatch,
) -> NDArray[Any]:
    """Windows of a group of cells side by side."""
    rows, cols = (cells.places(axis, part) for axis, part in enumerate(group))

    def read() -> NDArray[Any]:
        with watch.step("read"):
            return held.safely(sparse_samples, stack, polarisation, date, rows, cols)  # type: ignore[no-any-return]

    key = ("windows", id(stack), cells, polarisation, date, group[0].start, group[1].start)
    return held.cache.get(key, read)[0]  # type: ignore[no-any-return]


def _estimated(images: list[NDArray[Any]], cells: Cells, layer: str, watch: Stopwatch) -> NDArray[Any]:
    looks = Looks(rows=cells.window.rows, cols=cells.window.cols)
    with watch.step("kernel"):
        if layer.startswith("intensity"):
            power = (images[0].real ** 2 + images[0].imag ** 2).astype(np.float32)
            return multilook(power, looks=looks)  # type: ignore[no-any-return]
        output = "magnitude" if layer == "coherence" else "complex"
        found: NDArray[Any] = coherence(*images, window=cells.window, step=looks, output=output)
        return found
