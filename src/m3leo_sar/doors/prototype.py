"""Prototype of a result not computed yet: an array with a shape and dtype that uses no memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def prototype(array: Any, shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Array of the same library as ``array``, with another shape and, if given, dtype.

    Examples
    --------
    >>> prototype(np.zeros(3, "float32"), (2, 5)).shape
    (2, 5)
    """
    one = np.ones_like(getattr(array, "_meta", array), shape=(1,) * len(shape), dtype=dtype or array.dtype)
    return np.broadcast_to(one, shape)


def like_first(name: str) -> Callable[..., Any]:
    """Prototype for a function whose result has the shape and dtype of its argument ``name``."""

    def like(**arguments: Any) -> Any:
        return prototype(arguments[name], arguments[name].shape)

    return like
