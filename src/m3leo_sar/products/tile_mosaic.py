"""The parts of a tile over several bursts as one image, in which no window holds samples of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.io.stacks.unknown_positions import unknown_positions
from m3leo_sar.products.placement import Part, span_on
from m3leo_sar.stack import mosaic
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import margin_of


class _Piece(NamedTuple):
    """The part of one burst, and its first row in the image."""

    stack: SlcStack
    rows: slice
    cols: slice
    first: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start


def tile_mosaic(parts: Sequence[Part], *, window: Window, resampling: str) -> tuple[SlcStack, PixelMap]:
    """One stack of what a tile needs of each burst, one below the other, and the positions of its pixels in it.

    Parameters
    ----------
    parts : sequence of Part
        From :func:`m3leo_sar.products.placement.placement_on`.
    window : Window
        Largest coherence window.
    resampling : str
        Kernel from the image's pixels to the tile's. Between two parts lie as many rows without data as it and the
        window reach.

    Returns
    -------
    stack : SlcStack
        Its geometry states no positions on the ground.
    positions : PixelMap
    """
    if len(parts) == 1 and parts[0].mask is None:
        return parts[0].stack, parts[0].positions
    first, pieces = 0, []
    shape = parts[0].positions.shape
    where = [np.full(shape, np.nan), np.full(shape, np.nan)]
    for part in parts:
        mask = np.ones(shape, bool) if part.mask is None else part.mask
        places = [np.where(mask, axis, np.nan) for axis in (part.positions.rows, part.positions.cols)]
        own = PixelMap(places[0], places[1], part.stack.shape[1:], scale=part.positions.scale)
        rows, cols = span_on(part.stack, own, window=window, resampling=resampling)
        piece = _Piece(part.stack, rows, cols, first)
        pieces.append(piece)
        for axis, plane, start in zip(where, (own.rows, own.cols), (rows.start - first, cols.start), strict=True):
            axis[mask] = plane[mask] - start
        first += piece.shape[0] + _gap(own, window, resampling)
    size = (pieces[-1].first + pieces[-1].shape[0], max(piece.shape[1] for piece in pieces))
    stack = parts[0].stack
    joined = replace(
        stack,
        read=partial(_read, tuple(pieces), len(stack.dates), stack.polarisations),
        geometry=unknown_positions(size),
        outline=None,
        burst=None,
        name=" and ".join(part.stack.burst or part.stack.name for part in parts),
    )
    return joined, PixelMap(where[0], where[1], size, scale=parts[0].positions.scale)


def _gap(positions: PixelMap, window: Window, resampling: str) -> int:
    """Rows after a part such that no kernel at its positions takes a window with samples of the next part."""
    # A kernel takes one sample more than its margin on the far side of a position.
    return window.rows + margin_of(positions, resampling) + 1


def _read(
    pieces: tuple[_Piece, ...], dates: int, polarisations: Sequence[str], index: int, rows: slice, cols: slice
) -> NDArray[Any]:
    polarisation, date = divmod(index, dates)
    parts = (
        mosaic.Part(piece.first, 0, piece.shape, partial(_pixels, piece, polarisations[polarisation], date))
        for piece in pieces
    )
    return mosaic.mosaic_window(parts, rows, cols, dtype=pieces[0].stack.dtype)


def _pixels(piece: _Piece, polarisation: str, date: int, rows: slice, cols: slice) -> NDArray[Any]:
    spans = (
        slice(span.start + begin, span.stop + begin)
        for span, begin in zip((rows, cols), (piece.rows.start, piece.cols.start), strict=True)
    )
    return piece.stack.images([(polarisation, piece.stack.dates[date])], *spans)[0]
