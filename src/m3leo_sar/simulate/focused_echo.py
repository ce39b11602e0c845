"""The focused image of points: each is a small spot with its own phase and Doppler frequency."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Table entries per sample.
_FINE = 2048
#: Lines and columns of the blocks that are summed at once, and blocks per batch, which fits the cache.
_BLOCK, _BATCH = (8, 12), 12


class Band(NamedTuple):
    """A processed band.

    Parameters
    ----------
    width : float
        Its share of the sampling frequency, in (0, 1].
    hamming : float
        Coefficient of its Hamming window.
    reach : int
        Samples on either side of the centre beyond which a spot is taken as zero.
    """

    width: float
    hamming: float
    reach: int

    def spot(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform of the band at distances in samples, 1 at its peak; faded out over the last half of its reach."""
        across = self.width * np.asarray(distance, np.float64)
        side = (1 - self.hamming) / 2
        value = self.hamming * np.sinc(across) + side * (np.sinc(across - 1) + np.sinc(across + 1))
        beyond = np.clip(2 * np.abs(distance) / self.reach - 1, 0, 1)
        return value / self.hamming * (0.5 + 0.5 * np.cos(math.pi * beyond))

    @property
    def energy(self) -> float:
        """Sum of the squares of a spot's samples."""
        fine = np.arange(-self.reach * 16, self.reach * 16 + 1) / 16
        return float((self.spot(fine) ** 2).sum() / 16)


class Points(NamedTuple):
    """Points of an image.

    Parameters
    ----------
    line, column : (points,) float64
        Where each lies in the image, fractional.
    cycles : (points,) float64
        Doppler frequency in cycles per line.
    echo : (points,) complex64
        Amplitude and phase at its own peak.
    """

    line: NDArray[np.float64]
    column: NDArray[np.float64]
    cycles: NDArray[np.float64]
    echo: NDArray[np.complex64]

    def take(self, which: NDArray[np.generic]) -> Points:
        """Some of the points."""
        return Points(*(plane[which] for plane in self))


def focused_image(points: Points, shape: tuple[int, int], *, azimuth: Band, range: Band) -> NDArray[np.complex64]:
    """Sum the spots of all points.

    Parameters
    ----------
    points : Points
        Those outside the image matter as far as their spots reach into it.
    shape : (int, int)
        Lines and columns of the image.
    azimuth, range : Band

    Returns
    -------
    (lines, columns) complex64

    Notes
    -----
    A spot is ``echo x azimuth(l - line) x exp(2 pi i cycles (l - line)) x range(c - column)``. Spots of points in one
    block reach over the same lines and columns, so a block is the product of two thin matrices.

    Examples
    --------
    >>> band = Band(0.7, 0.75, 10)
    >>> point = Points(np.array([20.0]), np.array([30.0]), np.array([0.2]), np.array([2j], np.complex64))
    >>> complex(focused_image(point, (40, 50), azimuth=band, range=band)[20, 30].round(3))
    2j
    """
    margin = azimuth.reach, range.reach
    count = tuple(-(-(size + 2 * edge) // block) for size, edge, block in zip(shape, margin, _BLOCK, strict=True))
    place = points.line + margin[0], points.column + margin[1]
    inside = [(at >= 0) & (at < size + 2 * edge) for at, size, edge in zip(place, shape, margin, strict=True)]
    points = points.take(inside[0] & inside[1])
    block = [
        ((at + edge) // step).astype(np.int64)
        for at, edge, step in zip((points.line, points.column), margin, _BLOCK, strict=True)
    ]
    number = block[0] * count[1] + block[1]
    order = np.argsort(number, kind="stable")
    points = points.take(order)
    starts = np.searchsorted(number[order], np.arange(count[0] * count[1] + 1))
    # Blocks begin one reach before the image, and their spots begin one reach before them.
    canvas = np.zeros([c * b + 4 * edge for c, b, edge in zip(count, _BLOCK, margin, strict=True)], np.complex64)
    held = np.flatnonzero(np.diff(starts))
    for first in np.arange(0, len(held), _BATCH):
        _add(canvas, points, starts, held[first : first + _BATCH], count[1], (azimuth, range))
    return canvas[2 * margin[0] :, 2 * margin[1] :][: shape[0], : shape[1]].copy()


def _add(
    canvas: NDArray[np.complex64],
    points: Points,
    starts: NDArray[np.int64],
    blocks: NDArray[np.int64],
    per_row: int,
    bands: tuple[Band, Band],
) -> None:
    """Add the spots of the points of some blocks."""
    size = starts[blocks + 1] - starts[blocks]
    rank = np.arange(size.max())
    # Blocks of fewer points are filled up with their last one, silenced.
    index = starts[blocks][:, None] + np.minimum(rank, size[:, None] - 1)
    origin = (blocks // per_row) * _BLOCK[0], (blocks % per_row) * _BLOCK[1]
    echo = np.where(rank < size[:, None], points.echo[index], 0)
    along, across = bands
    # Distance of the block's first line or column that a spot reaches, from the point.
    line = origin[0][:, None] - 2 * along.reach - points.line[index]
    column = origin[1][:, None] - 2 * across.reach - points.column[index]
    cycles = points.cycles[index]
    lines, columns = _BLOCK[0] + 2 * along.reach, _BLOCK[1] + 2 * across.reach
    spots = np.ascontiguousarray(_looked_up(along, line, lines).transpose(2, 0, 1))
    parts = np.empty((len(blocks), 2 * lines, len(rank)), np.float32)
    # From line to line by a product: exp is far slower.
    phasor = (echo * np.exp(2j * math.pi * (cycles * line))).astype(np.complex64)
    step = np.exp(2j * math.pi * cycles).astype(np.complex64)
    for at in range(lines):
        np.multiply(phasor.real, spots[at], out=parts[:, at])
        np.multiply(phasor.imag, spots[at], out=parts[:, lines + at])
        phasor *= step
    summed = np.matmul(parts, _looked_up(across, column, columns))
    for top, left, real, imaginary in zip(*origin, summed[:, :lines], summed[:, lines:], strict=True):
        target = canvas[top : top + lines, left : left + columns]
        target.real += real
        target.imag += imaginary


def _looked_up(band: Band, first: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Spot at distances ``first + 0 ... size - 1``, (..., size), of the nearest entry of a table."""
    table = _table(band, size)
    place = np.rint((first + 2 * band.reach + size) * _FINE).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(table, size, axis=1)
    return windows[place % _FINE, place // _FINE]


@lru_cache(maxsize=8)
def _table(band: Band, size: int) -> NDArray[np.float32]:
    """Spot at ``column + row / rows - 2 reach - size``: neighbours along a row are a sample apart."""
    column = np.arange(4 * band.reach + 2 * size + 1)
    distance = column + np.arange(_FINE)[:, None] / _FINE - 2 * band.reach - size
    inside = np.abs(distance) < band.reach
    return np.where(inside, band.spot(np.where(inside, distance, 0.0)), 0.0).astype(np.float32)
