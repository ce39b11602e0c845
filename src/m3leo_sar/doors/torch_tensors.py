"""Conversion of torch tensors to arrays and back without a copy; torch is already imported by the tensor's owner."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def array_of(tensor: Any, name: str) -> Any:
    """NumPy array that shares a tensor's memory, or a CuPy array for a tensor on a GPU.

    Raises
    ------
    TypeError
        If the tensor requires a gradient, which no kernel supports, or is on another kind of device.
    """
    if tensor.requires_grad:
        raise TypeError(f"{name} must be a tensor without gradient, got one that requires it; give {name}.detach()")
    # Conjugation and negation are lazy in torch; these two copy only if one is pending.
    tensor = tensor.resolve_conj().resolve_neg()
    if tensor.device.type == "cpu":
        return tensor.numpy()
    if tensor.device.type == "cuda":
        return importlib.import_module("cupy").from_dlpack(tensor)
    raise TypeError(f"{name} must be a tensor on the CPU or a CUDA device, got one on {tensor.device}")


def tensor_of(array: Any) -> Any:
    """Tensor that shares the memory of a NumPy or CuPy array; other values are returned unchanged."""
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        return array
    torch: Any = sys.modules["torch"]
    if type(array).__module__.partition(".")[0] == "cupy":
        return torch.from_dlpack(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())
