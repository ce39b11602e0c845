"""What a word of two dates is asked to compare: two images, or pairs of a stack."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from m3leo_sar import _check


def selected_pairs(
    reference: Any, secondary: Any, pairs: Sequence[Any] | None, *, int16: bool = False
) -> tuple[list[Any], list[tuple[int, int]]]:
    """Images to read and, for each result, the indices of its two images among them.

    ``int16`` allows complex int16 storage as well.

    Raises
    ------
    TypeError
        If both or neither of ``secondary`` and ``pairs`` are given, or an array has the wrong dtype.
    ValueError
        If shapes differ, no pair is given or an index does not exist.
    """
    if (secondary is None) == (pairs is None):
        came = "neither" if pairs is None else "both"
        raise TypeError(f"give a second image (secondary) or a stack with pairs=, got {came}")
    check = _check.slc_array if int16 else _check.complex_array
    if pairs is None:
        check(reference, "reference", ndim=2)
        check(secondary, "secondary", ndim=2)
        _check.same(reference, secondary, names=("reference", "secondary"))
        return [reference, secondary], [(0, 1)]
    if len(pairs) == 0:
        raise ValueError("pairs must hold at least one pair, got none")
    if hasattr(reference, "pair_indices"):
        return _read_dates(reference, reference.pair_indices(pairs))
    check(reference, "reference", ndim=3)
    return list(reference), [_index_pair(pair, len(reference)) for pair in pairs]


def _read_dates(stack: Any, indices: list[tuple[int, int]]) -> tuple[list[Any], list[tuple[int, int]]]:
    """Read only the dates that some pair needs."""
    needed = sorted({index for pair in indices for index in pair})
    images = stack.window(slice(None), slice(None), dates=[stack.dates[index] for index in needed])
    position = {index: place for place, index in enumerate(needed)}
    return list(images), [(position[first], position[second]) for first, second in indices]


def _index_pair(pair: Any, dates: int) -> tuple[int, int]:
    try:
        first, second = (operator.index(index) for index in pair)
    except (TypeError, ValueError):
        raise TypeError(f"pairs of an array must be (reference, secondary) indices, got {pair!r}") from None
    for index in (first, second):
        if not 0 <= index < dates:
            raise ValueError(f"pairs must index the {dates} dates, 0 to {dates - 1}, got {index} in {(first, second)}")
    return first, second
