"""Array library of a value, identified by its type alone, and refusal of unsupported libraries."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

#: Libraries whose arrays a backend computes on, by their top-level module; the emulation of the GPU is part of this
#: package.
COMPUTED = {"numpy": "numpy", "cupy": "cupy", "m3leo_sar": "simt"}
#: Array types accepted by every public function, for messages.
_TAKEN = "a NumPy, CuPy, torch, dask or xarray array"


def kind_of(value: Any) -> str:
    """Kind of a value: numpy, cupy, simt, masked, torch, dask, xarray, stack, sequence, foreign or other.

    Foreign values are arrays of an unsupported library; other values are not arrays.

    Examples
    --------
    >>> kind_of(np.zeros(2)), kind_of(np.ma.zeros(2)), kind_of([1.0]), kind_of(0.5)
    ('numpy', 'masked', 'sequence', 'other')
    """
    kind: Any = type(value)
    return _kind_of_type(kind)


@cache
def _kind_of_type(kind: Any) -> str:
    if kind is np.ndarray or kind is np.memmap:
        return "numpy"
    if issubclass(kind, np.ma.MaskedArray):
        return "masked"
    if issubclass(kind, np.generic) or issubclass(kind, type):
        return "other"
    if issubclass(kind, (list, tuple)):
        return "sequence"
    owner = kind.__module__.partition(".")[0]
    if owner == "m3leo_sar":
        return _own(kind)
    if owner == "torch" and kind.__name__ in ("Tensor", "Parameter"):
        return "torch"
    if owner == "xarray":
        return "xarray" if kind.__name__ == "DataArray" else "foreign"
    if owner in ("cupy", "dask"):
        return owner
    arrays = ("__array__", "__array_interface__", "__dlpack__", "__dataframe__")
    return "foreign" if any(hasattr(kind, name) for name in arrays) else "other"


def _own(kind: type) -> str:
    if hasattr(kind, "pair_indices") and hasattr(kind, "window"):
        return "stack"
    return "simt" if issubclass(kind, np.ndarray) else "other"


def refused(value: Any, name: str) -> TypeError:
    """Error for a value that is not an array of a supported library."""
    kind = type(value)
    came = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]} {kind.__name__}"
    if kind.__name__ == "Dataset" and came.startswith("xarray"):
        return TypeError(f"{name} must be {_TAKEN}, got an xarray Dataset; take one of its variables")
    if kind_of(value) == "stack":
        return TypeError(f"{name} must be {_TAKEN}, got an SlcStack; read its pixels with stack.window()")
    return TypeError(f"{name} must be {_TAKEN}, got {came}; convert it with numpy.asarray")
