"""Coherence of a stack on disk, block by block of rows, so that memory is bounded by a budget and not by the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.grid.window import Looks, Window
from m3leo_sar.insar.selection import needed_dates

#: Bytes of pixels that are read at a time.
BUDGET = 256 << 20


class Block(NamedTuple):
    """Rows to read and the results they give."""

    #: Source rows, halo included, from a multiple of the step on.
    source: slice
    #: Rows of the whole result.
    result: slice
    #: The same rows among those that the source rows give.
    inner: slice


def coherence_of_stack(
    function: Callable[..., Any],
    stack: Any,
    *,
    pairs: Sequence[Any],
    window: Window,
    step: Looks | None,
    reference_phase: Any,
    **options: Any,
) -> Any:
    """Call ``function`` on blocks of the dates that some pair needs; each pixel but the halo's is read once."""
    dates, indices = needed_dates(stack, pairs)
    options |= {"pairs": indices, "window": window, "step": step}
    _, rows, cols = stack.shape
    bytes_a_row = len(dates) * cols * np.dtype(stack.dtype).itemsize
    whole: Any = None
    for block in _blocks(rows, window.rows, step.rows if step else 1, max(1, BUDGET // bytes_a_row)):
        pixels = stack.window(block.source, slice(None), dates=dates)
        phase = reference_phase if reference_phase is None else reference_phase[..., block.source, :]
        part = function(pixels, reference_phase=phase, **options)
        if block.source == slice(0, rows):
            return part
        maps = part if isinstance(part, tuple) else (part,)
        if whole is None:
            high = rows // (step.rows if step else 1)
            whole = [np.empty((*plane.shape[:-2], high, plane.shape[-1]), plane.dtype) for plane in maps]
        for plane, into in zip(maps, whole, strict=True):
            into[..., block.result, :] = plane[..., block.inner, :]
    return type(part)(*whole) if isinstance(part, tuple) else whole[0]


def _blocks(rows: int, window: int, step: int, budget: int) -> Iterator[Block]:
    """Cut an image of ``rows`` into blocks of about ``budget`` rows, halo included."""
    results = rows // step
    # At least as many rows as the halo has, or most of what is read is read again.
    each = max(1, (max(budget, 4 * window) - window) // step)
    for first in range(0, max(results, 1), each):
        last = min(first + each, results)
        top = first * step + step // 2 - window // 2
        bottom = (last - 1) * step + step // 2 + window - window // 2
        # On the step's lattice, so that a block's results are results of the whole.
        start = max(0, top) // step * step
        stop = min(rows, max(bottom, last * step))
        yield Block(slice(start, stop), slice(first, last), slice(first - start // step, last - start // step))
