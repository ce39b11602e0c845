"""How many threads the libraries of a process use: said outright, before and while they run."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

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
#: In the name of a library that speaks OpenMP.
_OPENMP = ("libgomp", "libiomp", "libomp")


def available_cpus() -> int:
    """CPUs that this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares(*, workers: int | None, threads: int | None, blocks: int) -> tuple[int, int]:
    """Workers, and threads of each, that together take the CPUs and no more.

    Parameters
    ----------
    workers : int, optional
        As asked for. If not, one a CPU, or one alone for so few blocks that starting more would take longer.
    threads : int, optional
        As asked for. If not, the CPUs that fall to each worker.
    blocks : int
        How many there are.

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
        workers = 1 if blocks < 8 else min(max(1, cpus // (threads or 1)), blocks)
    return workers, threads or max(1, cpus // workers)


def environment(threads: int) -> dict[str, str]:
    """Environment of a new process whose libraries are to use so many threads each.

    Idle threads of OpenMP sleep instead of spinning, as others have work to do.
    """
    told = {name: str(threads) for name in _VARIABLES}
    return {**os.environ, **told, "OMP_WAIT_POLICY": "passive", "OMP_DYNAMIC": "false"}


def limit_openmp(threads: int) -> int:
    """Have OpenMP use so many threads for work that the calling thread starts; returns how many libraries were told.

    For processes that others have started, whose environment can no longer be set.
    """
    told = 0
    for library in _loaded():
        setter = getattr(ctypes.CDLL(library), "omp_set_num_threads", None)
        if setter is not None:
            setter(ctypes.c_int(threads))
            told += 1
    return told


def _loaded() -> list[str]:
    """Files of the OpenMP libraries that are loaded; two of them may be, each with a number of its own."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in lines if line.count("/") and len(line.split(maxsplit=5)) == 6}
    return sorted(path for path in paths if os.path.basename(path).startswith(_OPENMP))
