"""Number of threads of the libraries of a process, set explicitly before and while they run."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from m3leo_sar._machine import available_cpus, memory_limit

#: Read by OpenMP, OpenBLAS, MKL, NumExpr, Numba, GDAL, Blosc and zarr when they are loaded; torch reads OpenMP's.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "GDAL_NUM_THREADS",
    "BLOSC_NTHREADS",
    "ZARR_THREADING__MAX_WORKERS",
)
#: Memory of a worker process: libraries, the samples of a block, finished chips and maps.
WORKER_BYTES = 768 << 20
#: Parts of the names of OpenMP libraries.
_OPENMP = ("libgomp", "libiomp", "libomp")


def fitting_workers(bytes_each: int) -> int:
    """Workers for which there are CPUs and memory, at least one.

    Parameters
    ----------
    bytes_each : int
        Memory that one worker needs.
    """
    limit = memory_limit()
    return max(1, available_cpus() if limit is None else min(available_cpus(), limit // bytes_each))


def shares(*, workers: int | None, threads: int | None, blocks: int) -> tuple[int, int]:
    """Workers, and threads per worker, that together use all CPUs and no more.

    Parameters
    ----------
    workers : int, optional
        Requested number. The default is one per CPU, fewer where memory is short, or one alone for so few blocks that
        more would take longer to start.
    threads : int, optional
        Requested number. The default is each worker's share of the CPUs.
    blocks : int
        Number of blocks.

    Raises
    ------
    ValueError
        If a number is below 1.
    """
    for name, number in (("workers", workers), ("threads", threads)):
        if number is not None and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    cpus = available_cpus()
    if workers is None:
        workers = 1 if blocks < 8 else min(max(1, cpus // (threads or 1)), blocks, fitting_workers(WORKER_BYTES))
    return workers, threads or max(1, cpus // workers)


def environment(threads: int) -> dict[str, str]:
    """Environment of a new process that sets the number of threads of its libraries."""
    return {**os.environ, **library_threads(threads)}


def library_threads(threads: int) -> dict[str, str]:
    """Variables that set the number of threads of a process's libraries.

    Idle threads of OpenMP sleep instead of spinning, to leave the CPUs to others.
    """
    variables = {name: str(threads) for name in _VARIABLES}
    return {**variables, "OMP_WAIT_POLICY": "passive", "OMP_DYNAMIC": "false"}


def limit_openmp(threads: int) -> int:
    """Set the number of OpenMP threads for work that the calling thread starts; returns the number of libraries set.

    For processes started by others, whose environment can no longer be set.
    """
    count = 0
    for library in _loaded():
        setter = getattr(ctypes.CDLL(library), "omp_set_num_threads", None)
        if setter is not None:
            setter(ctypes.c_int(threads))
            count += 1
    return count


def _loaded() -> list[str]:
    """Files of the OpenMP libraries that are loaded; two of them may be, each with a number of its own."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in lines if line.count("/") and len(line.split(maxsplit=5)) == 6}
    return sorted(path for path in paths if os.path.basename(path).startswith(_OPENMP))
