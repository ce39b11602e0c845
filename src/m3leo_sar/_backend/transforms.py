"""Fast Fourier transforms by the library of the array: SciPy in threads, or CuPy."""

from __future__ import annotations

import importlib
from typing import Any

from m3leo_sar._openmp import max_threads


def fft2(array: Any, shape: tuple[int, int] | None = None, *, workers: int | None = None) -> Any:
    """Transform of the last two axes, truncated or zero-padded to a shape, in the precision of the input.

    ``workers`` threads for NumPy arrays; as many as :func:`threads` if omitted.
    """
    return _transformed("fft2", array, shape, workers)


def ifft2(array: Any, shape: tuple[int, int] | None = None, *, workers: int | None = None) -> Any:
    """Inverse of :func:`fft2`."""
    return _transformed("ifft2", array, shape, workers)


def rfft2(array: Any, shape: tuple[int, int] | None = None) -> Any:
    """Non-redundant half of the transform of a real array."""
    return _transformed("rfft2", array, shape)


def irfft2(array: Any, shape: tuple[int, int] | None = None) -> Any:
    """Inverse of :func:`rfft2`, for a result of a given shape."""
    return _transformed("irfft2", array, shape)


def threads() -> int:
    """Number of OpenMP threads of the calling thread: one limit for kernels and transforms."""
    # Loading the kernels loads their runtime, with the settings of this process.
    importlib.import_module("m3leo_sar._ext")
    return max_threads()


def _transformed(name: str, array: Any, shape: tuple[int, int] | None, workers: int | None = None) -> Any:
    if type(array).__module__.partition(".")[0] == "cupy":
        return getattr(importlib.import_module("cupyx.scipy.fft"), name)(array, shape)
    # SciPy is slow to import and only these few functions need it.
    return getattr(importlib.import_module("scipy.fft"), name)(array, shape, workers=workers or threads())
