"""Complex numbers in the ways in which files hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Names of the real and the imaginary part of a record.
_PARTS = (("r", "i"), ("re", "im"), ("real", "imag"), ("I", "Q"))


def complex_dtype(dtype: Any) -> str | None:
    """``"complex64"`` or ``"complex128"`` for complex numbers or records of two numbers; None for anything else.

    Examples
    --------
    >>> import numpy as np
    >>> complex_dtype(">c8"), complex_dtype([("r", "<f2"), ("i", "<f2")]), complex_dtype("f4")
    ('complex64', 'complex64', None)
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return "complex64" if dtype.itemsize <= 8 else "complex128"
    if dtype.names not in _PARTS:
        return None
    parts = {dtype[name].str for name in dtype.names or ()}
    kinds = {dtype[name].kind for name in dtype.names or ()}
    if len(parts) != 1 or not kinds <= {"f", "i"} or dtype.itemsize not in (4, 8, 16):
        return None
    return "complex128" if dtype.itemsize == 16 else "complex64"


def as_complex(values: Any) -> NDArray[Any]:
    """Complex numbers, or records of a real and an imaginary part, as complex64 or complex128 in native byte order.

    Raises
    ------
    ValueError
        If they are neither.

    Examples
    --------
    >>> import numpy as np
    >>> as_complex(np.array([(1, -2)], dtype=[("r", ">f2"), ("i", ">f2")]))
    array([1.-2.j], dtype=complex64)
    """
    array = np.asarray(values)
    name = complex_dtype(array.dtype)
    if name is None:
        raise ValueError(f"pixels must be complex numbers or pairs of numbers, got {array.dtype}")
    if array.dtype.names is None:
        return array.astype(name, copy=False)
    out = np.empty(array.shape, name)
    out.real, out.imag = (array[part] for part in array.dtype.names)
    return out
