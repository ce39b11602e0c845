"""User-defined estimators, compiled by Numba: each result from the samples of a window, or from means over it.

Two traversals. ``over_samples`` gathers the valid samples of each window and passes them to the function.
``over_means`` evaluates terms of each sample once and sums them over the window in two passes, rows and then columns.
Both work in an order that depends on the window alone, so a tile with its halo gives the crop of the whole image bit
for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError

from m3leo_sar._backend.window_request import WindowRequest
from m3leo_sar._backend.window_tuples import filler, gatherer, real_planes, spreader, storer
from m3leo_sar._machine import available_cpus

#: Rows and columns of a block of results whose terms stay in a core's cache.
_BLOCK_ROWS, _BLOCK_COLS = 32, 512


class Results(NamedTuple):
    """Results of a function per window."""

    #: Whether each result is complex.
    complex: tuple[bool, ...]
    #: Named tuple that the function returns, ``tuple``, or None for a single value.
    container: Any


def compiled(function: Callable[..., Any], arguments: tuple[Any, ...], *, name: str) -> tuple[Any, Any]:
    """Compile a plain Python function for argument types; return the compiled function and its result type.

    Raises
    ------
    TypeError
        If it is not a function, or Numba cannot compile it for these arguments.
    """
    if not callable(function):
        raise TypeError(f"{name} must be a function, got {type(function).__name__}")
    dispatcher = _compiler(function)
    try:
        dispatcher.compile(arguments)
        return dispatcher, dispatcher.overloads[arguments].signature.return_type
    except (NumbaError, TypeError) as error:
        accepted = ", ".join(str(argument) for argument in arguments)
        reason = " ".join(str(error).split())
        raise TypeError(f"{name} must compile under Numba for arguments ({accepted}), got: {reason[:600]}") from error


@cache
def _compiler(function: Callable[..., Any]) -> Any:
    return function if hasattr(function, "overloads") else numba.njit(nogil=True)(function)


def results_of(returned: Any, *, name: str) -> Results:
    """Results of a function, from its return type.

    Raises
    ------
    TypeError
        If it returns anything but a number or a tuple of numbers.
    """
    is_tuple = isinstance(returned, types.BaseTuple)
    members: tuple[Any, ...] = tuple(iter(returned)) if is_tuple else (returned,)
    if not members or not all(isinstance(member, types.Number | types.Boolean) for member in members):
        raise TypeError(f"{name} must return a number or a tuple of numbers, got {returned}")
    container = None
    if is_tuple:
        container = getattr(returned, "instance_class", tuple)
    return Results(tuple(isinstance(member, types.Complex) for member in members), container)


def sample_types(dtype: np.dtype, *, whole: bool) -> tuple[Any, ...]:
    """Argument types of a function of samples: one vector per image for two, or one matrix for a whole stack."""
    element = numba.from_dtype(dtype)
    if whole:
        return (types.Array(element, 2, "A"),)
    return (types.Array(element, 1, "C"), types.Array(element, 1, "C"))


def joint_validity(images: tuple[np.ndarray, ...]) -> np.ndarray:
    """Whether all images have a finite sample, (rows, cols) bool."""
    valid = np.isfinite(images[0])
    for image in images[1:]:
        valid &= np.isfinite(image)
    return valid


def over_samples(
    function: Callable[..., Any],
    images: tuple[np.ndarray, ...],
    outs: tuple[np.ndarray, ...],
    request: WindowRequest,
    *,
    whole: bool = False,
) -> None:
    """Fill ``outs`` (rows, cols) with ``function`` of the samples of each window.

    Two images are passed as two vectors; with ``whole`` any number of images is passed as one matrix (dates, samples).
    """
    kernel = _sample_kernel(function, len(outs), matrix=whole)
    _in_threads(kernel, images, outs, request, parts=images[0].shape[0])


def over_means(
    function: Callable[..., Any],
    terms: Callable[..., Any],
    images: tuple[np.ndarray, ...],
    outs: tuple[np.ndarray, ...],
    request: WindowRequest,
) -> None:
    """Fill ``outs`` (rows, cols) with ``function`` of the means of ``terms`` over each window."""
    kinds = term_results(terms, images[0].dtype)
    kernel = _mean_kernel(function, terms, kinds.complex, single_term=kinds.container is None, outputs=len(outs))
    rows, cols = images[0].shape
    blocks = -(-rows // min(_BLOCK_ROWS, rows)) * -(-cols // min(_BLOCK_COLS, cols))
    _in_threads(kernel, images, outs, request, parts=blocks)


def term_results(terms: Callable[..., Any], dtype: np.dtype) -> Results:
    """Terms returned by a function of one sample per image.

    Raises
    ------
    TypeError
        If it does not compile, or does not return numbers.
    """
    element = numba.from_dtype(dtype)
    return results_of(compiled(terms, (element, element), name="terms")[1], name="terms")


def mean_types(terms: Callable[..., Any], dtype: np.dtype) -> tuple[Any, ...]:
    """Argument types of a function of means: one per term, in the image's precision, and the number of samples.

    Raises
    ------
    TypeError
        If ``terms`` does not compile, or does not return numbers.
    """
    element, real = numba.from_dtype(dtype), types.float32 if dtype == np.complex64 else types.float64
    kinds = term_results(terms, dtype)
    return (*(element if is_complex else real for is_complex in kinds.complex), types.int64)


def _in_threads(
    kernel: Any, images: tuple[np.ndarray, ...], outs: tuple[np.ndarray, ...], request: WindowRequest, *, parts: int
) -> None:
    """Run a kernel over ``parts`` rows or blocks; a free thread takes the next few."""
    valid = joint_validity(images)
    arguments: Any = (images, valid, outs, *request.window, float(request.min_valid), request.needs_centre)
    threads = min(numba.get_num_threads(), available_cpus())
    # Not Numba's parallel loops: they take several times as long to compile, and leave a pool of spinning threads.
    each = max(1, parts // (4 * threads))
    spans = [(first, min(parts, first + each)) for first in range(0, parts, each)]
    if threads == 1 or len(spans) == 1:
        kernel(*arguments, 0, parts)
        return
    kernel(*arguments, *spans[0])
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(kernel, *arguments, *span) for span in spans[1:]]:
            done.result()


@numba.njit
def _enough(count: int, first_row: int, last_row: int, first_col: int, last_col: int, min_valid: float) -> bool:
    size = (last_row - first_row) * (last_col - first_col)
    return count > 0 and count >= min_valid * size


def _call(function: Any, *, matrix: bool) -> Any:
    """Function of a buffer (dates, samples) and the number of samples in it."""
    if matrix:

        @numba.njit
        def call(buffer: Any, count: int) -> Any:
            return function(buffer[:, :count])

    else:

        @numba.njit
        def call(buffer: Any, count: int) -> Any:
            return function(buffer[0, :count], buffer[1, :count])

    return call


@numba.njit
def _gather(
    images: Any, valid: Any, whole: Any, buffer: Any, first_row: int, last_row: int, first_col: int, last_col: int
) -> int:
    """Copy the valid samples of a window, row by row; return their number. ``whole`` rows have no other samples."""
    count = 0
    for row in range(first_row, last_row):
        if whole[row]:
            # Without a question per sample, which takes longer than the copy.
            width = last_col - first_col
            for date in range(len(images)):
                samples, into = images[date][row, first_col:last_col], buffer[date, count : count + width]
                for col in range(width):
                    into[col] = samples[col]
            count += width
            continue
        for col in range(first_col, last_col):
            if valid[row, col]:
                for date in range(len(images)):
                    buffer[date, count] = images[date][row, col]
                count += 1
    return count


@cache
def _sample_kernel(function: Callable[..., Any], outputs: int, *, matrix: bool = False) -> Any:
    call, jitted = _call(_compiler(function), matrix=matrix), _compiler(function)
    single = not any(isinstance(found.signature.return_type, types.BaseTuple) for found in jitted.overloads.values())
    store, fill = storer(numba.njit, outputs, single=single), filler(numba.njit, outputs, np.nan)

    @numba.njit(nogil=True)
    def run(images, valid, outs, window_rows, window_cols, min_valid, needs_centre, first, last):  # type: ignore[no-untyped-def]
        rows, cols = valid.shape
        buffer = np.empty((len(images), window_rows * window_cols), images[0].dtype)
        whole = np.zeros(rows, np.bool_)
        for row in range(max(0, first - window_rows), min(rows, last + window_rows)):
            whole[row] = valid[row].all()
        for row in range(first, last):
            first_row, last_row = max(0, row - window_rows // 2), min(rows, row - window_rows // 2 + window_rows)
            for col in range(cols):
                first_col, last_col = max(0, col - window_cols // 2), min(cols, col - window_cols // 2 + window_cols)
                count = 0
                if valid[row, col] or not needs_centre:
                    count = _gather(images, valid, whole, buffer, first_row, last_row, first_col, last_col)
                if _enough(count, first_row, last_row, first_col, last_col, min_valid):
                    store(outs, row, col, call(buffer, count))
                else:
                    fill(outs, row, col)

    return run


@numba.njit
def _add_rows(planes: Any, into: Any, first: int, last: int) -> None:
    """Sums of rows ``first`` to ``last`` of each plane, column by column."""
    cols = into.shape[1]
    for plane in range(into.shape[0]):
        for col in range(cols):
            into[plane, col] = planes[plane, first, col]
        for row in range(first + 1, last):
            for col in range(cols):
                into[plane, col] += planes[plane, row, col]


@numba.njit
def _add_cols(sums: Any, into: Any, window: int) -> None:
    """Sums of ``window`` neighbours from each column on: doubled by powers of two, added by the bits of the size."""
    cols = sums.shape[1] - window + 1
    for plane in range(sums.shape[0]):
        for col in range(cols):
            into[plane, col] = 0
        reached, step = 0, 1
        while step <= window:
            if window & step:
                for col in range(cols):
                    into[plane, col] += sums[plane, col + reached]
                reached += step
            for col in range(sums.shape[1] - step):
                sums[plane, col] += sums[plane, col + step]
            step *= 2


@cache
def _mean_kernel(
    function: Callable[..., Any],
    terms: Callable[..., Any],
    kinds: tuple[bool, ...],
    *,
    single_term: bool,
    outputs: int,
) -> Any:
    finish, term = _compiler(function), _compiler(terms)
    single = not any(isinstance(found.signature.return_type, types.BaseTuple) for found in finish.overloads.values())
    store, fill = storer(numba.njit, outputs, single=single), filler(numba.njit, outputs, np.nan)
    spread, means = spreader(numba.njit, kinds, single=single_term), gatherer(numba.njit, kinds)
    counts = real_planes(kinds)

    @numba.njit
    def load(images, valid, planes, top, left):  # type: ignore[no-untyped-def]
        """Terms of a block of samples and its halo; zero where there is no sample."""
        rows, cols = valid.shape
        for down in range(planes.shape[1]):
            row = top + down
            for along in range(planes.shape[2]):
                col = left + along
                inside = 0 <= row < rows and 0 <= col < cols
                if inside and valid[row, col]:
                    spread(planes[:, down, along], term(images[0][row, col], images[1][row, col]))
                    planes[counts, down, along] = 1
                else:
                    for plane in range(counts + 1):
                        planes[plane, down, along] = 0

    @numba.njit(nogil=True)
    def run(images, valid, outs, window_rows, window_cols, min_valid, needs_centre, first, last):  # type: ignore[no-untyped-def]
        rows, cols = valid.shape
        high, wide = min(_BLOCK_ROWS, rows), min(_BLOCK_COLS, cols)
        across = (cols + wide - 1) // wide
        one = images[0].real.dtype.type(1)
        planes = np.empty((counts + 1, high + window_rows - 1, wide + window_cols - 1), images[0].real.dtype)
        sums = np.empty((counts + 1, wide + window_cols - 1), images[0].real.dtype)
        totals = np.empty((counts + 1, wide), images[0].real.dtype)
        for block in range(first, last):
            top, left = block // across * high, block % across * wide
            load(images, valid, planes, top - window_rows // 2, left - window_cols // 2)
            for row in range(top, min(rows, top + high)):
                _add_rows(planes, sums, row - top, row - top + window_rows)
                _add_cols(sums, totals, window_cols)
                first_row, last_row = max(0, row - window_rows // 2), min(rows, row - window_rows // 2 + window_rows)
                for col in range(left, min(cols, left + wide)):
                    first_col, last_col = (
                        max(0, col - window_cols // 2),
                        min(cols, col - window_cols // 2 + window_cols),
                    )
                    count = int(totals[counts, col - left])
                    given = valid[row, col] or not needs_centre
                    if given and _enough(count, first_row, last_row, first_col, last_col, min_valid):
                        share = one / totals[counts, col - left]
                        store(outs, row, col, finish(*means(totals[:, col - left], share), count))
                    else:
                        fill(outs, row, col)

    return run
