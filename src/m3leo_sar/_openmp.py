"""The OpenMP runtime of the kernels, which reads its settings once, when the first kernel is loaded."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from m3leo_sar import _machine

#: A kernel that is loaded with the package of the kernels.
_KERNEL = "m3leo_sar._ext.multilook"
#: Kernels that are built a second time, by setup.py, and the features of a processor that they need.
_LEVEL, _FEATURES = "x86_64_v3", ("AVX2", "FMA3", "BMI2", "LZCNT", "MOVBE", "F16C")


@contextmanager
def openmp_settings() -> Iterator[None]:
    """Environment in which an OpenMP runtime loads; settings of the user have priority, and none is left behind.

    As many threads as there are CPUs for this process: the runtime itself knows affinity, but no quota of a control
    group. Idle threads sleep: on a machine with other work, spinning ones take the CPUs from those they wait for.
    """
    wanted = {"OMP_NUM_THREADS": str(_machine.available_cpus()), "OMP_WAIT_POLICY": "passive"}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def max_threads() -> int:
    """Threads of the next kernel that the calling thread starts."""
    runtime = _runtime()
    return _machine.available_cpus() if runtime is None else int(runtime.omp_get_max_threads())


def one_thread() -> None:
    """Set kernels to one thread, in a process that was forked: GNU's runtime would wait for threads of the parent."""
    runtime = _runtime()
    if runtime is not None:
        runtime.omp_set_num_threads(1)


def _runtime() -> ctypes.CDLL | None:
    """Functions of the runtime that the kernels are linked with; other libraries of the process may have their own.

    None where no kernel is built, or built without OpenMP, or where the system does not look up a name in the libraries
    that a library needs (Windows).
    """
    kernel = sys.modules.get(_KERNEL)
    if kernel is None or kernel.__file__ is None:
        return None
    library = ctypes.CDLL(kernel.__file__)
    return library if hasattr(library, "omp_get_max_threads") else None


def faster_kernels(package: Sequence[str]) -> list[str]:
    """Folders of kernels that were built a second time for processors like this one, inside those of a package."""
    folders = [str(folder) for path in package if (folder := Path(path, _LEVEL)).is_dir()]
    if not folders:
        return []
    try:
        # NumPy is the one library at hand that asks the processor on every system.
        from numpy._core._multiarray_umath import __cpu_features__ as features
    except ImportError:
        return []
    return folders if all(features.get(name) for name in _FEATURES) else []
