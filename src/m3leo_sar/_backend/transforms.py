"""Fast Fourier transforms by the library that an array belongs to: SciPy's in threads, or CuPy's."""

from __future__ import annotations

import ctypes
import importlib
import os
from typing import Any


def fft2(array: Any, shape: tuple[int, int] | None = None) -> Any:
    """Transform of the last two axes, cut or filled with zeros to a shape; of single precision where the input is."""
    return _transformed("fft2", array, shape)


def ifft2(array: Any, shape: tuple[int, int] | None = None) -> Any:
    """Inverse of :func:`fft2`."""
    return _transformed("ifft2", array, shape)


def rfft2(array: Any, shape: tuple[int, int] | None = None) -> Any:
    """Half of the transform of a real array, which has the whole in it."""
    return _transformed("rfft2", array, shape)


def irfft2(array: Any, shape: tuple[int, int] | None = None) -> Any:
    """Inverse of :func:`rfft2`, for a result of a shape."""
    return _transformed("irfft2", array, shape)


def threads() -> int:
    """Threads that OpenMP takes for work of the calling thread: one number bounds kernels and transforms."""
    try:
        return int(ctypes.CDLL("libgomp.so.1").omp_get_max_threads())
    except (OSError, AttributeError):
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _transformed(name: str, array: Any, shape: tuple[int, int] | None) -> Any:
    if type(array).__module__.partition(".")[0] == "cupy":
        return getattr(importlib.import_module("cupyx.scipy.fft"), name)(array, shape)
    # SciPy loads slowly and is needed by these few functions alone.
    return getattr(importlib.import_module("scipy.fft"), name)(array, shape, workers=threads())
