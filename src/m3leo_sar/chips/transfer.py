"""Explicit transfer of arrays between host and GPU."""

from __future__ import annotations

from typing import Any

from m3leo_sar._backend.choose import backend_of


def to_gpu(array: Any) -> Any:
    """Copy a NumPy array to the current GPU as a CuPy array; kernels then run there.

    Raises
    ------
    ImportError
        If CuPy is not installed; the extra ``gpu`` installs it.
    RuntimeError
        If there is no GPU.
    """
    try:
        from m3leo_sar._backend import gpu
    except ImportError as error:
        raise ImportError('CuPy is not installed; install it with pip install "m3leo-sar[gpu]"') from error
    try:
        return gpu.to_device(array)
    except RuntimeError as error:
        raise RuntimeError(f"there is no GPU to compute on: {error}") from error


def to_host(array: Any) -> Any:
    """NumPy array from an array on any device; a NumPy array is returned unchanged."""
    return backend_of(array).to_host(array)
