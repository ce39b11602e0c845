"""Memory accesses of the GPU kernels, counted by a build of the emulation of its own (ext/simt/counts.cpp)."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar._backend.device_kernels import bound
from m3leo_sar._backend.simt import SimtArray, SimtDevice, as_simt, launch_arguments
from m3leo_sar._backend.source import SIMT_SOURCES, source_digest

#: In the order of struct Totals of ext/simt/counts.cpp.
NAMES = (
    "read_bytes",
    "written_bytes",
    "useful_bytes",
    "block_read_bytes",
    "block_written_bytes",
    "launch_read_bytes",
    "launch_written_bytes",
    "global_accesses",
    "shared_cycles",
    "shared_ideal_cycles",
    "shuffle_cycles",
    "atomics",
    "atomic_cycles",
    "lanes",
    "lanes_possible",
    "visits",
    "visits_possible",
)
_ALIGNMENT = 256
_COUNTED = ("-fsanitize=thread", "-fsanitize-coverage=trace-pc")
_COMMON = ("-std=c++17", "-O2", "-ffp-contract=off", "-fno-tree-vectorize", "-fPIC", "-DM3_SIMT_COUNT")


def build(folder: Path, stems: Sequence[str] = ()) -> Path:
    """Path of the library of the counting emulation, compiled in ``folder`` unless it holds one of these sources.

    Parameters
    ----------
    folder : Path
        Folder of the library, and of what is made on the way.
    stems : sequence of str
        Kernels to compile, such as ``("coherence_strips", "resample")``; all if empty.

    Raises
    ------
    FileNotFoundError
        If there is no compiler (``$CXX``, or g++).
    RuntimeError
        If the sources do not compile.
    """
    sources = Path(str(files("m3leo_sar._ext").joinpath("simt"))).parent
    digest = source_digest(sources, *SIMT_SOURCES, "simt/counts.cpp", "simt/counts.h")
    library = folder / f"{'_'.join(('simt_counts', digest, *stems))}.so"
    if library.is_file():
        return library
    kernels = folder / "counted_kernels.cpp"
    chosen = [path for path in sorted(sources.glob("*/*.cu")) if not stems or path.stem in stems]
    kernels.write_text("".join(f'#include "{path}"\n' for path in (sources / "simt/simt.h", *chosen)), encoding="utf-8")
    includes = [f"-I{path}" for path in sorted(sources.iterdir()) if path.is_dir()]
    command = [os.environ.get("CXX", "g++"), *_COMMON, *includes]
    for source, flags in ((kernels, _COUNTED), (sources / "simt/runtime.cpp", ()), (sources / "simt/counts.cpp", ())):
        _compile([*command, *flags, "-c", source, "-o", folder / f"{source.stem}.o"])
    made = library.with_suffix(f".{os.getpid()}")
    objects = [folder / f"{name}.o" for name in ("counted_kernels", "runtime", "counts")]
    _compile([*command, "-shared", *objects, "-o", made, "-lpthread"])
    made.replace(library)
    return library


def _compile(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the counting emulation did not compile:\n{done.stderr[:4000]}")


class CountingDevice(SimtDevice):
    """The emulation, with the accesses of each kernel added up in ``counts``."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.simt_fault.restype = ctypes.c_char_p
        self._held: list[np.ndarray] = []
        #: Counts by kernel and name (see ``NAMES``).
        self.counts: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(NAMES, 0.0))

    def empty(self, shape: tuple[int, ...], dtype: Any) -> SimtArray:
        """New array of NaN or all ones."""
        return self._known(super().empty(shape, dtype))

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> SimtArray:
        """New array of zeros."""
        return self._known(super().zeros(shape, dtype))

    def from_host(self, array: np.ndarray) -> SimtArray:
        """Copy of a NumPy array."""
        return self._known(super().from_host(array))

    def contiguous(self, array: np.ndarray) -> SimtArray:
        """The array in C order."""
        return self._known(super().contiguous(array))

    def launch(
        self,
        stem: str,
        kernel: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:
        """Run a kernel and add what it accessed to ``counts``."""
        ranges = _ranges([*self._held, *(value for value in arguments if isinstance(value, np.ndarray))])
        _held, pointers, shapes = launch_arguments(arguments, grid, block)
        self._library.simt_counts_begin(ctypes.c_void_p(ranges.ctypes.data), ctypes.c_size_t(len(ranges)))
        failed = getattr(self._library, f"simt_launch_{kernel}")(pointers, *shapes, ctypes.c_size_t(shared_bytes))
        found = (ctypes.c_double * len(NAMES))()
        self._library.simt_counts_end(found)
        if failed:
            raise RuntimeError(f"{kernel}: {self._library.simt_fault().decode()}")
        for name, value in zip(NAMES, found, strict=True):
            self.counts[kernel][name] += value

    def kernels(self) -> dict[str, Any]:
        """Every kernel bound to this device."""
        return bound(self)

    def _known(self, array: np.ndarray) -> SimtArray:
        """The array where a GPU would allocate it, at a multiple of 256 bytes, known as memory of the device."""
        if array.ctypes.data % _ALIGNMENT:
            room = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
            first = -room.ctypes.data % _ALIGNMENT
            moved = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
            moved[...] = array
            array = moved
        self._held.append(array)
        return as_simt(array)


def _ranges(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """First byte and end of each array, joined where they overlap, (count, 2) uint64."""
    spans = sorted((array.ctypes.data, array.ctypes.data + array.nbytes) for array in arrays if array.nbytes)
    joined: list[list[int]] = []
    for first, end in spans:
        if joined and first <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([first, end])
    return np.array(joined, np.uint64)
