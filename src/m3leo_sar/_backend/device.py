"""Device interface of the launch code, so that it is written once for the GPU and its emulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

#: Threads of a one-dimensional block.
THREADS = 256
#: Rows and columns of the pixels of a block that reads a source at positions, as in ext/shared/patches.h.
PATCH = (32, 64)
#: Bytes of shared memory per block that every GPU has without being asked.
SHARED_LIMIT = 48 * 1024


class Device(Protocol):
    """Memory and kernels of one array library."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """New array of this device's library."""

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """New array of zeros."""

    def from_host(self, array: np.ndarray) -> Any:
        """Copy of a NumPy array on the device."""

    def contiguous(self, array: Any) -> Any:
        """The array in C order, copied only if necessary."""

    def address(self, array: Any) -> int:
        """Address of its first element."""

    def shared_limit(self) -> int:
        """Bytes of shared memory that a block may ask for, at least ``SHARED_LIMIT``."""

    def launch(
        self,
        stem: str,
        kernel: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:
        """Run a kernel of ``ext/<room>/<stem>.cu``; scalars must be NumPy scalars of the width in the kernel."""


def over_pixels(count: int, *, threads: int = THREADS) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Grid and block for one thread per element."""
    return ((count + threads - 1) // threads,), (threads,)


def over_patches(shape: tuple[int, int], *, patch: tuple[int, int] = PATCH) -> tuple[int, int]:
    """Grid of one block per patch of (rows, cols)."""
    return -(-shape[1] // patch[1]), -(-shape[0] // patch[0])


def suffix(dtype: np.dtype) -> str:
    """``f32`` or ``f64``, the real type behind a real or complex dtype."""
    return "f32" if np.empty(0, dtype).real.dtype == np.float32 else "f64"


def kind_of(dtype: np.dtype) -> str:
    """``real_f32``, ``complex_f64``, ... for kernels of both kinds."""
    return f"{'complex' if dtype.kind == 'c' else 'real'}_{suffix(dtype)}"
