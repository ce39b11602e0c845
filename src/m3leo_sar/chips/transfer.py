"""Explicit transfer of arrays between host and GPU."""

from __future__ import annotations

import importlib.util
from typing import Any

from m3leo_sar._backend.choose import backend_of, gpu_devices

_NO_CUPY = 'CuPy is not installed; install it with pip install "m3leo-sar[gpu]"'


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
        raise ImportError(_NO_CUPY) from error
    try:
        return gpu.to_device(array)
    except RuntimeError as error:
        raise RuntimeError(f"there is no GPU to compute on: {error}") from error


def require_gpu() -> None:
    """Refuse to begin work on a GPU that this machine lacks.

    Raises
    ------
    ImportError
        If CuPy is not installed; the extra ``gpu`` installs it.
    OSError
        If there is no GPU that can be used; the message gives the reason.
    """
    if importlib.util.find_spec("cupy") is None:
        raise ImportError(_NO_CUPY)
    devices = gpu_devices()
    if devices[0].startswith("none: "):
        raise OSError(f"there is no GPU to compute on ({devices[0].removeprefix('none: ')})")


def to_host(array: Any) -> Any:
    """NumPy array from an array on any device; a NumPy array is returned unchanged."""
    return backend_of(array).to_host(array)
