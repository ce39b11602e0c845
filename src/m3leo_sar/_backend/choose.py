"""Choice of the backend, in one place: from the arrays themselves."""

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
