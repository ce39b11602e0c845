"""Closure phase of the three interferograms of three dates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door


@door(
    arrays={"first": "rc", "second": "rc", "across": "rc"},
    images=3,
    reach=lambda **_: Reach(),
    name="closure_phase",
    units={"closure_phase": "rad"},
)
def closure_phase(first: Any, second: Any, across: Any) -> Any:
    """Closure phase of a triplet of dates a, b, c.

    Parameters
    ----------
    first, second, across : (rows, cols) complex64 or complex128
        Interferograms a x conj(b), b x conj(c) and a x conj(c), averaged over the same looks. NumPy or CuPy.

    Returns
    -------
    (rows, cols) float32 or float64
        Radians in (-pi, pi]: the angle of first x second x conj(across). Zero for single looks and for pure
        displacement; a non-zero value of a multilooked triplet indicates moisture, vegetation or noise.

    Raises
    ------
    TypeError
        If the dtypes are not supported or differ, or libraries are mixed.
    ValueError
        If shapes differ.

    References
    ----------
    De Zan et al., 2015, IEEE TGRS 53(12), 6608-6616.

    Examples
    --------
    >>> import numpy as np
    >>> a, b, c = np.exp(1j * np.array([[[0.3]], [[1.0]], [[2.5]]]))
    >>> bool(abs(closure_phase(a * b.conj(), b * c.conj(), a * c.conj())[0, 0]) < 1e-12)
    True
    """
    for name, image in (("first", first), ("second", second), ("across", across)):
        _check.complex_array(image, name, ndim=2)
        _check.same(first, image, names=("first", name))
    backend_of(first, second, across)
    arrays = module_of(first)
    # Unit phasors: the product of three powers may overflow or underflow its dtype.
    product = _unit(arrays, first) * _unit(arrays, second) * _unit(arrays, across).conj()
    return arrays.angle(product)


def triplets(pairs: Sequence[Any]) -> list[tuple[int, int, int]]:
    """Positions of (a, b), (b, c) and (a, c) among pairs, for every three dates with all three pairs present.

    Parameters
    ----------
    pairs : sequence of Pair or of (reference, secondary)
        Each with the earlier date, or lower index, first.

    Examples
    --------
    >>> triplets([(0, 1), (1, 2), (0, 2), (2, 3)])
    [(0, 1, 2)]
    """
    ends = [(pair.reference, pair.secondary) if hasattr(pair, "reference") else tuple(pair) for pair in pairs]
    place = {pair: index for index, pair in enumerate(ends)}
    dates = sorted({date for pair in ends for date in pair})
    return [
        (place[a, b], place[b, c], place[a, c])
        for a, b, c in combinations(dates, 3)
        if (a, b) in place and (b, c) in place and (a, c) in place
    ]


def _unit(arrays: Any, image: Any) -> Any:
    size = arrays.abs(image)
    return image / arrays.where(size > 0, size, 1)
