"""GPU kernels run on the CPU, for tests: the same source, launched on :class:`SimtArray`."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar._backend.device import SHARED_LIMIT
from m3leo_sar._backend.device_kernels import bound
from m3leo_sar._backend.source import SIMT_SOURCES, source_digest


class SimtArray(np.ndarray):
    """A NumPy array treated as a device array; its type alone selects this backend."""


def as_simt(array: np.ndarray) -> SimtArray:
    """View of an array that runs on the emulation."""
    return np.asarray(array).view(SimtArray)


class SimtDevice:
    """The emulation of ext/simt."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> SimtArray:
        """New array of NaN or all ones, so that elements missed by a kernel are visible."""
        array = np.empty(shape, dtype)
        array.view(np.uint8).fill(255) if array.ndim else None
        return as_simt(array)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> SimtArray:
        """New array of zeros."""
        return as_simt(np.zeros(shape, dtype))

    def from_host(self, array: np.ndarray) -> SimtArray:
        """Copy of a NumPy array."""
        return as_simt(array.copy())

    def contiguous(self, array: np.ndarray) -> SimtArray:
        """The array in C order."""
        return as_simt(np.ascontiguousarray(array))

    def address(self, array: np.ndarray) -> int:
        """Address of its first element."""
        return int(array.ctypes.data)

    def shared_limit(self) -> int:
        """Bytes of shared memory that a block may ask for, as the emulation reads its setting."""
        return int(os.environ.get("M3LEO_SIMT_SHARED_LIMIT") or SHARED_LIMIT)

    def launch(
        self,
        stem: str,
        kernel: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:
        """Run a kernel to completion; RuntimeError reports an operation that is invalid on a GPU."""
        _held, pointers, shapes = launch_arguments(arguments, grid, block)
        library = _library()
        if getattr(library, f"simt_launch_{kernel}")(pointers, *shapes, ctypes.c_size_t(shared_bytes)):
            raise RuntimeError(f"{kernel}: {library.simt_fault().decode()}")


def launch_arguments(
    arguments: Sequence[Any], grid: tuple[int, ...], block: tuple[int, ...]
) -> tuple[list[Any], Any, list[Any]]:
    """Values of a launch, to be kept until it ends, their addresses, and grid and block of three sizes."""
    held = [_argument(argument) for argument in arguments]
    pointers = (ctypes.c_void_p * len(held))(*(ctypes.addressof(item) for item in held))
    return held, pointers, [(ctypes.c_uint * 3)(*(*shape, 1, 1, 1)[:3]) for shape in (grid, block)]


@cache
def _library() -> ctypes.CDLL:
    found = [path for path in files("m3leo_sar._ext").iterdir() if path.name.startswith("_simt.")]
    if not found:
        raise ImportError("the emulation of the GPU kernels is not built; install with M3LEO_SIMT=1 in the environment")
    library = ctypes.CDLL(str(found[0]))
    library.simt_fault.restype = ctypes.c_char_p
    _require_current(library, Path(str(found[0])).parent)
    return library


def _require_current(library: ctypes.CDLL, folder: Path) -> None:
    """Refuse a library of other sources: a kernel that is handed other arguments than it takes ends the process."""
    if not all((folder / name).is_file() for name in SIMT_SOURCES):
        return
    built = ""
    if hasattr(library, "simt_sources"):
        library.simt_sources.restype = ctypes.c_char_p
        built = library.simt_sources().decode()
    if built != source_digest(folder, *SIMT_SOURCES):
        raise ImportError(
            "the emulation of the GPU kernels was built from other sources than those in ext/; build it again: "
            "M3LEO_SIMT=1 M3LEO_ONLY=simt python setup.py build_ext --inplace"
        )


def _argument(value: Any) -> Any:
    """Launch argument: an array's address, or a scalar of its own width."""
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("a kernel takes arrays in C order only")
        return ctypes.c_void_p(value.ctypes.data)
    if not isinstance(value, np.generic):
        raise TypeError(f"a kernel takes NumPy scalars, whose width is known, got {type(value).__name__}")
    return (ctypes.c_char * value.itemsize).from_buffer_copy(value.tobytes())


globals().update(bound(SimtDevice()))


def to_device(array: np.ndarray) -> SimtArray:
    """Array of this backend's library from a NumPy array."""
    return as_simt(array)


def to_host(array: np.ndarray) -> np.ndarray:
    """NumPy array from one of this backend's library."""
    return np.asarray(array)
