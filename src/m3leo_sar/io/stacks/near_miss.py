"""What a raster of real numbers looks like where a complex one is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Rows and columns of the sample in the middle of an image.
SAMPLE = 256
#: Rounding of a phase beyond half a turn.
_SLACK = 1e-3


def look_of_values(values: NDArray[Any], nodata: float | None = None) -> str:
    """Sentence on real numbers that are no complex image, from a sample of them; empty if they look like nothing.

    Parameters
    ----------
    values : (rows, cols) real
    nodata : float, optional

    Examples
    --------
    >>> import numpy as np
    >>> look_of_values(np.array([[-3.1, 0.5], [2.9, 1.0]]))
    'they look like a wrapped phase, which has lost its amplitude'
    >>> look_of_values(np.array([[120, 7], [40, 3]], "uint16"))
    'they look like an amplitude or intensity, which has lost its phase'
    """
    found = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    found = found if nodata is None else found[found != nodata]
    if found.size == 0 or (found == found[0]).all():
        return ""
    low, high = float(found.min()), float(found.max())
    if low < 0 and -np.pi - _SLACK <= low and np.pi - 0.5 < high <= np.pi + _SLACK:
        return "they look like a wrapped phase, which has lost its amplitude"
    if low >= 0 and high <= 1 and values.dtype.kind == "f":
        return "they look like a coherence, which is of pairs"
    if low >= 0:
        return "they look like an amplitude or intensity, which has lost its phase"
    return ""
