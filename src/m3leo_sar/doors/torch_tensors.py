"""Torch tensors as arrays and back, without a copy; torch is not imported, a tensor has brought it along."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def array_of(tensor: Any, name: str) -> Any:
    """NumPy array over a tensor's memory, or a CuPy array over that of one on a GPU.

    Raises
    ------
    TypeError
        If the tensor wants a gradient, which no kernel has, or lies on another kind of device.
    """
    if tensor.requires_grad:
        raise TypeError(f"{name} must be a tensor without gradient, got one that requires it; give {name}.detach()")
    # Conjugation and negation are lazy in torch; these two copy where one is pending and only there.
    tensor = tensor.resolve_conj().resolve_neg()
    if tensor.device.type == "cpu":
        return tensor.numpy()
    if tensor.device.type == "cuda":
        return importlib.import_module("cupy").from_dlpack(tensor)
    raise TypeError(f"{name} must be a tensor on the CPU or a CUDA device, got one on {tensor.device}")


def tensor_of(array: Any) -> Any:
    """Tensor over the memory of a NumPy or CuPy array; what is no array stays as it is."""
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        return array
    torch: Any = sys.modules["torch"]
    if type(array).__module__.partition(".")[0] == "cupy":
        return torch.from_dlpack(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())
