"""The only choice of backend in the library: from the arrays themselves."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

#: Array library (its top-level module) to the backend that serves it.
_BACKENDS = {"numpy": "cpu", "cupy": "gpu", "m3leo_sar": "simt"}


def backend_of(*arrays: Any) -> ModuleType:
    """Backend module for arrays that all come from one library.

    NumPy arrays go to ``cpu``, CuPy arrays to ``gpu``, and the test suite's ``SimtArray`` to ``simt``, which runs
    the CUDA text on the CPU. Nothing falls back: what cannot run says so.

    Raises
    ------
    TypeError
        If the arrays come from several libraries, or from one that has no backend.
    """
    owners = {type(array).__module__.partition(".")[0] for array in arrays}
    if len(owners) == 1 and owners <= _BACKENDS.keys():
        return importlib.import_module(f"m3leo_sar._backend.{_BACKENDS[owners.pop()]}")
    if len(owners) > 1 and owners <= _BACKENDS.keys():
        raise TypeError(
            f"arrays must all be NumPy or all be CuPy, got a mix of {' and '.join(sorted(owners))}; "
            "nothing is moved between devices unasked"
        )
    raise TypeError(f"expected NumPy or CuPy arrays, got {', '.join(sorted(type(a).__name__ for a in arrays))}")


def module_of(array: Any) -> ModuleType:
    """NumPy or CuPy, whichever the array belongs to; the emulation's arrays are NumPy's."""
    owner = type(array).__module__.partition(".")[0]
    return importlib.import_module("cupy" if owner == "cupy" else "numpy")
