"""Arrays moved between the machine and a GPU, where a user asks for it."""

from __future__ import annotations

from typing import Any

from m3leo_sar._backend.choose import backend_of


def to_gpu(array: Any) -> Any:
    """Copy of a NumPy array on the current GPU, a CuPy array; kernels then run there.

    Raises
    ------
    ImportError
        If CuPy is not installed, which the extra ``gpu`` brings.
    RuntimeError
        If there is no GPU.
    """
    try:
        from m3leo_sar._backend import gpu
    except ImportError as error:
        raise ImportError('CuPy is not installed; pip install "m3leo-sar[gpu]" brings it') from error
    try:
        return gpu.to_device(array)
    except RuntimeError as error:
        raise RuntimeError(f"there is no GPU to compute on: {error}") from error


def to_host(array: Any) -> Any:
    """NumPy array from one of any device; a NumPy array comes back as it is."""
    return backend_of(array).to_host(array)
