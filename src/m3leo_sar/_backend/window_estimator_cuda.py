"""User-defined estimators on a GPU: compiled by Numba's CUDA target, one thread per window, on CuPy memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from m3leo_sar._backend.window_estimator import compiled, mean_types, results_of, sample_types, term_results
from m3leo_sar._backend.window_request import WindowRequest
from m3leo_sar._backend.window_tuples import filler, gatherer, real_planes, spreader, storer

_THREADS = (8, 16)
_device = cuda.jit(device=True)


class _Shape(NamedTuple):
    """Specialisation of a kernel, apart from the window."""

    dates: int
    outputs: int
    #: Whether the function returns a number instead of a tuple.
    single: bool
    dtype: np.dtype


def over_samples(
    function: Callable[..., Any], images: tuple[Any, ...], outs: tuple[Any, ...], request: WindowRequest, *, whole: bool
) -> None:
    """Fill ``outs`` as :func:`m3leo_sar._backend.window_estimator.over_samples` does."""
    arguments = sample_types(np.dtype(images[0].dtype), whole=whole)
    _launch(_sample_kernel(function, request, _shape(function, arguments, images, outs), whole=whole), images, outs)


def over_means(
    function: Callable[..., Any],
    terms: Callable[..., Any],
    images: tuple[Any, ...],
    outs: tuple[Any, ...],
    request: WindowRequest,
) -> None:
    """Fill ``outs`` as :func:`m3leo_sar._backend.window_estimator.over_means` does; each thread sums its own window."""
    dtype = np.dtype(images[0].dtype)
    kinds = term_results(terms, dtype)
    shape = _shape(function, mean_types(terms, dtype), images, outs)
    kernel = _mean_kernel(function, terms, request, shape, kinds.complex, single_term=kinds.container is None)
    _launch(kernel, images, outs)


def _shape(function: Any, arguments: Any, images: tuple[Any, ...], outs: tuple[Any, ...]) -> _Shape:
    results = results_of(compiled(function, arguments, name="function")[1], name="function")
    return _Shape(len(images), len(outs), results.container is None, np.dtype(images[0].dtype))


def _launch(kernel: Any, images: tuple[Any, ...], outs: tuple[Any, ...]) -> None:
    rows, cols = images[0].shape
    blocks = tuple(-(-size // threads) for size, threads in zip((rows, cols), _THREADS, strict=True))
    kernel[blocks, _THREADS](tuple(map(_view, images)), tuple(map(_view, outs)))


def _view(array: Any) -> Any:
    """CuPy's memory as Numba sees it, without a copy; the simulator takes NumPy arrays as they are."""
    return array if isinstance(array, np.ndarray) else cuda.as_cuda_array(array)


@cuda.jit(device=True)
def _is_valid(images, row, col):  # type: ignore[no-untyped-def]
    for image in images:
        value = image[row, col]
        # The difference of a number and itself is zero unless the number is infinite or NaN.
        if not (value.real - value.real == 0 and value.imag - value.imag == 0):
            return False
    return True


def _on_device(function: Callable[..., Any]) -> Any:
    return cuda.jit(device=True)(getattr(function, "py_func", function))


@cache
def _sample_kernel(function: Callable[..., Any], request: WindowRequest, shape: _Shape, *, whole: bool) -> Any:
    estimate, (dates, outputs, single, dtype) = _on_device(function), shape
    (high, wide), share, needs_centre = request
    most = high * wide
    store, fill = storer(_device, outputs, single=single), filler(_device, outputs, math.nan)

    @cuda.jit
    def kernel(images, outs):  # type: ignore[no-untyped-def]
        row, col = cuda.grid(2)  # type: ignore[call-arg,var-annotated]
        rows, cols = images[0].shape
        if row >= rows or col >= cols:
            return
        buffer = cuda.local.array((dates, most), dtype)
        count, size = 0, 0
        for at_row in range(max(0, row - high // 2), min(rows, row - high // 2 + high)):
            for at_col in range(max(0, col - wide // 2), min(cols, col - wide // 2 + wide)):
                size += 1
                if _is_valid(images, at_row, at_col):
                    for date in range(dates):
                        buffer[date, count] = images[date][at_row, at_col]
                    count += 1
        if count == 0 or count < share * size or (needs_centre and not _is_valid(images, row, col)):
            fill(outs, row, col)
        elif whole:
            store(outs, row, col, estimate(buffer[:, :count]))
        else:
            store(outs, row, col, estimate(buffer[0, :count], buffer[1, :count]))

    return kernel


@cache
def _mean_kernel(
    function: Callable[..., Any],
    terms: Callable[..., Any],
    request: WindowRequest,
    shape: _Shape,
    kinds: tuple[bool, ...],
    *,
    single_term: bool,
) -> Any:
    finish, term, (_, outputs, single, dtype) = _on_device(function), _on_device(terms), shape
    (high, wide), share, needs_centre = request
    real, planes = np.empty(0, dtype).real.dtype, real_planes(kinds)
    store, fill = storer(_device, outputs, single=single), filler(_device, outputs, math.nan)
    spread, means = spreader(_device, kinds, single=single_term), gatherer(_device, kinds)

    @cuda.jit
    def kernel(images, outs):  # type: ignore[no-untyped-def]
        row, col = cuda.grid(2)  # type: ignore[call-arg,var-annotated]
        rows, cols = images[0].shape
        if row >= rows or col >= cols:
            return
        sums, values = cuda.local.array(planes, real), cuda.local.array(planes, real)
        for plane in range(planes):
            sums[plane] = 0
        count, size = 0, 0
        for at_row in range(max(0, row - high // 2), min(rows, row - high // 2 + high)):
            for at_col in range(max(0, col - wide // 2), min(cols, col - wide // 2 + wide)):
                size += 1
                if _is_valid(images, at_row, at_col):
                    spread(values, term(images[0][at_row, at_col], images[1][at_row, at_col]))
                    for plane in range(planes):
                        sums[plane] += values[plane]
                    count += 1
        if count == 0 or count < share * size or (needs_centre and not _is_valid(images, row, col)):
            fill(outs, row, col)
        else:
            store(outs, row, col, finish(*means(sums, real.type(1) / real.type(count)), count))

    return kernel
