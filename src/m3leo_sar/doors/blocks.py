"""Processing of an image in blocks with their halo, so that memory is bounded by the block, not by the scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from m3leo_sar.grid.window import Looks, Window

#: Bytes of stack pixels per read.
BUDGET = 256 << 20


class Reach(NamedTuple):
    """Number of samples per result, and sample step between results, along rows and columns.

    Result i is that of sample ``i * step + step // 2``, and needs ``window`` samples, of which ``window // 2`` precede
    that one. Averages of looks are windows as large as the step.
    """

    window: tuple[int, int] = (1, 1)
    step: tuple[int, int] = (1, 1)
    #: Whether a result needs whole rows of the image, so that columns cannot be divided into blocks.
    whole_rows: bool = False

    @classmethod
    def of(cls, window: Any, step: Any = None) -> Reach:
        """Reach of a Window or of Looks, at every sample or every ``step``.

        Raises
        ------
        TypeError
            If one is neither.
        """
        if window is not None and not isinstance(window, (Window, Looks)):
            raise TypeError(f"window must be a Window(rows=, cols=), got {window!r}")
        if step is not None and not isinstance(step, Looks):
            raise TypeError(f"step must be Looks(rows=, cols=), got {step!r}")
        size = (window.rows, window.cols) if window is not None else (1, 1)
        return cls(size, (step.rows, step.cols) if step is not None else (1, 1))


class Block(NamedTuple):
    """Samples to read along one axis, and the corresponding results."""

    #: Samples, including the halo, starting at a multiple of the step.
    source: slice
    #: Results, as positions in the whole image.
    result: slice
    #: The same results, as positions among those of the source block.
    inner: slice


def axis_blocks(size: int, window: int, step: int, cuts: Sequence[int]) -> Iterator[Block]:
    """Divide an axis of ``size`` samples into blocks of the results between ``cuts``.

    Examples
    --------
    >>> list(axis_blocks(10, 3, 1, [0, 4, 10]))[1]
    Block(source=slice(3, 10, None), result=slice(4, 10, None), inner=slice(1, 7, None))
    """
    for first, last in pairwise(cuts):
        top = first * step + step // 2 - window // 2
        bottom = (last - 1) * step + step // 2 + window - window // 2
        # On the lattice of the step, so that the results of a block equal those of the whole image.
        start = max(0, top) // step * step
        stop = min(size, max(bottom, last * step))
        yield Block(slice(start, stop), slice(first, last), slice(first - start // step, last - start // step))


def even_cuts(size: int, window: int, step: int, samples: int) -> list[int]:
    """Results at which to divide an axis, so that a block with its halo has about ``samples`` samples.

    Examples
    --------
    >>> even_cuts(100, 5, 2, 40)
    [0, 17, 34, 50]
    """
    results = max(size // step, 1)
    # At least as many samples as in the halo, otherwise most samples are read repeatedly.
    each = max(1, (max(samples, 4 * window) - window) // step)
    return [*range(0, results, each), results]


def cuts_at(edges: Sequence[int], size: int, step: int) -> list[int]:
    """Results at which to divide an axis whose samples are divided at ``edges``.

    Examples
    --------
    >>> cuts_at([4, 5, 9, 10], 10, 3)
    [0, 1, 3]
    """
    results = size // step
    inner = sorted({edge // step for edge in edges if 0 < edge // step < results})
    return [0, *inner, results]
