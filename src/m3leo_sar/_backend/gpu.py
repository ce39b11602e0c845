"""Kernels for CuPy arrays; the same names and arguments as ``cpu``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import cupy
import numpy as np

from m3leo_sar._backend.device import SHARED_LIMIT
from m3leo_sar._backend.device_kernels import bound
from m3leo_sar._backend.source import kernel_source

#: No fast-math: NaN marks no data.
OPTIONS = ("-std=c++17",)


class GpuDevice:
    """The current CUDA device, through CuPy."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> cupy.ndarray:
        """New array."""
        return cupy.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> cupy.ndarray:
        """New array of zeros."""
        return cupy.zeros(shape, dtype)

    def from_host(self, array: np.ndarray) -> cupy.ndarray:
        """Copy of a NumPy array."""
        return cupy.asarray(array)

    def contiguous(self, array: cupy.ndarray) -> cupy.ndarray:
        """The array in C order."""
        return cupy.ascontiguousarray(array)

    def address(self, array: cupy.ndarray) -> int:
        """Address of its first element."""
        return int(array.data.ptr)

    def shared_limit(self) -> int:
        """Bytes of shared memory that a block may ask for."""
        return int(cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"])

    def launch(
        self,
        stem: str,
        kernel: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:
        """Run a kernel on the current stream."""
        function = _module(stem).get_function(kernel)
        if shared_bytes > SHARED_LIMIT:
            function.max_dynamic_shared_size_bytes = shared_bytes
        function(grid, block, tuple(arguments), shared_mem=shared_bytes)


@cache
def _module(stem: str) -> cupy.RawModule:
    # CuPy compiles a RawModule per device on first use, and caches it on disk by its source text.
    return cupy.RawModule(code=kernel_source(stem), options=OPTIONS)


globals().update(bound(GpuDevice()))


def to_device(array: np.ndarray) -> cupy.ndarray:
    """Array of this backend's library from a NumPy array."""
    return cupy.asarray(array)


def to_host(array: cupy.ndarray) -> np.ndarray:
    """NumPy array from one of this backend's library."""
    return cupy.asnumpy(array)
