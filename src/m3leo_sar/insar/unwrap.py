"""Phase unwrapping by external packages."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype

#: Package that implements each method.
METHODS = {"whirlwind": "whirlwind-insar", "snaphu": "snaphu"}


class Unwrapped(NamedTuple):
    """Unwrapped phase and its connected components.

    Parameters
    ----------
    phase : (rows, cols) float32
        Radians; NaN for no data.
    components : (rows, cols) uint32
        Label of the connected component of each pixel, within which no phase cycles are missing; 0 is no component.
    """

    phase: np.ndarray
    components: np.ndarray


def _like(interferogram: Any, **_: Any) -> Unwrapped:
    planes = (prototype(interferogram, interferogram.shape, dtype) for dtype in ("float32", "uint32"))
    return Unwrapped(*planes)


@door(
    arrays={"interferogram": "rc", "coherence": "rc", "mask": "rc"},
    like=_like,
    units={"phase": "rad", "components": None},
)
def unwrap(
    interferogram: Any,
    coherence: Any,
    *,
    equivalent_looks: float,
    mask: Any = None,
    method: str = "whirlwind",
    **options: Any,
) -> Unwrapped:
    """Unwrap an interferogram with an external package.

    Parameters
    ----------
    interferogram : (rows, cols) complex64 or complex128
        NumPy. A sample with a non-finite part, or equal to zero, is no data.
    coherence : (rows, cols) float
        In [0, 1]; a non-finite value is no data.
    equivalent_looks : float
        Equivalent number of looks of the coherence
        (:func:`m3leo_sar.insar.equivalent_looks.equivalent_looks`), at least 1.
    mask : (rows, cols) bool, optional
        True where a sample has data, in addition to the validity of the values themselves.
    method : {"whirlwind", "snaphu"}
        whirlwind: minimum cost flow, BSD or Apache licence, ``pip install 'm3leo-sar[unwrap]'``. snaphu: Chen and
        Zebker's program, **free for non-commercial use only**, ``pip install snaphu``.
    **options
        Passed to the package's ``unwrap``.

    Returns
    -------
    Unwrapped
        The phase of reference x conj(secondary), congruent with the wrapped one up to rounding.

    Raises
    ------
    ImportError
        If the package is not installed.
    TypeError
        If the interferogram is not a complex NumPy array.
    ValueError
        If shapes differ, the looks are below 1, the method is unknown, or no sample has data.

    References
    ----------
    Chen and Zebker, 2001, Journal of the Optical Society of America A 18(2), 338-351.
    """
    _check.complex_array(interferogram, "interferogram", ndim=2)
    if not isinstance(interferogram, np.ndarray):
        raise TypeError(f"interferogram must be a NumPy array to be unwrapped, got {type(interferogram).__name__}")
    if tuple(np.shape(coherence)) != interferogram.shape:
        raise ValueError(
            f"coherence must have the shape of interferogram, {interferogram.shape}, got {np.shape(coherence)}"
        )
    if mask is not None and (np.shape(mask) != interferogram.shape or np.asarray(mask).dtype != bool):
        found = f"{np.asarray(mask).dtype} {np.shape(mask)}"
        raise ValueError(f"mask must be bool of the shape of interferogram, {interferogram.shape}, got {found}")
    if not equivalent_looks >= 1:
        raise ValueError(f"equivalent_looks must be at least 1, got {equivalent_looks}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    known = np.isfinite(interferogram) & (interferogram != 0) & np.isfinite(coherence)
    if mask is not None:
        known &= np.asarray(mask)
    if not known.any():
        raise ValueError("interferogram and coherence must have a valid pixel, got none")
    image = np.where(known, interferogram, 0).astype(np.complex64)
    trust = np.where(known, np.clip(coherence, 0, 1), 0).astype(np.float32)
    phase, components = _package(method).unwrap(image, trust, float(equivalent_looks), mask=known, **options)
    return Unwrapped(
        np.where(known, phase, np.nan).astype(np.float32), np.where(known, components, 0).astype(np.uint32)
    )


def _package(method: str) -> Any:
    import importlib

    try:
        return importlib.import_module(method)
    except ImportError as error:
        raise ImportError(f"unwrapping with {method} needs it: pip install {METHODS[method]}") from error
