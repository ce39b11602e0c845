"""Choice of the backend, in one place: from the arrays themselves; and the GPUs that one can run on."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

#: Array library (its top-level module) to the backend that serves it.
_BACKENDS = {"numpy": "cpu", "cupy": "gpu", "m3leo_sar": "simt"}


def backend_of(*arrays: Any) -> ModuleType:
    """Backend module for arrays of one library.

    NumPy arrays go to ``cpu``, CuPy arrays to ``gpu``, and the test suite's ``SimtArray`` to ``simt``, which runs the
    CUDA source on the CPU. There is no fallback: an unsupported input raises an error.

    Raises
    ------
    TypeError
        If the arrays are from several libraries, or from one without a backend.
    """
    owners = {type(array).__module__.partition(".")[0] for array in arrays}
    if len(owners) == 1 and owners <= _BACKENDS.keys():
        return importlib.import_module(f"m3leo_sar._backend.{_BACKENDS[owners.pop()]}")
    if len(owners) > 1 and owners <= _BACKENDS.keys():
        raise TypeError(
            f"arrays must all be NumPy or all be CuPy, got a mix of {' and '.join(sorted(owners))}; "
            "nothing is moved between devices implicitly"
        )
    raise TypeError(f"expected NumPy or CuPy arrays, got {', '.join(sorted(type(a).__name__ for a in arrays))}")


def module_of(array: Any) -> ModuleType:
    """NumPy or CuPy, the library of the array; arrays of the emulation are NumPy arrays."""
    owner = type(array).__module__.partition(".")[0]
    return importlib.import_module("cupy" if owner == "cupy" else "numpy")


def gpu_devices() -> list[str]:
    """Name, memory and compute capability of each CUDA device, or one line with the reason for none.

    Never raises: a driver that is missing or broken is a reason.
    """
    try:
        cupy: Any = importlib.import_module("cupy")
    except ImportError as error:
        return [f"none: CuPy cannot be imported ({error})"]
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
        return [_device(cupy, index) for index in range(count)] or ["none: there is no CUDA device"]
    except Exception as error:
        return [f"none: {' '.join(str(error).split())}"]


def _device(cupy: Any, index: int) -> str:
    facts = cupy.cuda.runtime.getDeviceProperties(index)
    name = facts["name"].decode() if isinstance(facts["name"], bytes) else str(facts["name"])
    return f"{name}, {facts['totalGlobalMem'] / 2**30:.0f} GiB, compute capability {facts['major']}.{facts['minor']}"
