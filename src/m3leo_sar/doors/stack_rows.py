"""Public functions on an SlcStack: read and computed in blocks of rows, for scenes of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from m3leo_sar.doors import blocks
from m3leo_sar.doors.blocks import Reach, axis_blocks, even_cuts
from m3leo_sar.doors.call import Given, Word, axes_of, one_plane, samples_of, with_arrays
from m3leo_sar.doors.dask_blocks import cropped
from m3leo_sar.doors.results import leaves, rebuilt
from m3leo_sar.stack.pair_choice import PairChoice


def over_rows(
    word: Word,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    given: list[Given],
    choice: PairChoice | None,
) -> Any:
    """Call ``function`` on blocks of the dates used by a pair; each pixel outside the halo is read once."""
    stack, others = given[0].value, given[1:]
    _, rows, cols = stack.shape
    needed = sorted({index for pair in choice.indices for index in pair}) if choice else list(range(len(stack.dates)))
    dates = [stack.dates[index] for index in needed]
    options = dict(arguments)
    if choice:
        options["pairs"] = [(needed.index(first), needed.index(second)) for first, second in choice.indices]
    reach = word.reach(**arguments) if word.reach else Reach()
    axes = [axes_of(word, array) for array in others]
    _try(word, function, options, given, ["drc", *axes], reach, len(dates))
    budget = max(1, blocks.BUDGET // (len(dates) * cols * np.dtype(stack.dtype).itemsize))
    whole: list[Any] | None = None
    walk = axis_blocks(rows, reach.window[0], reach.step[0], even_cuts(rows, reach.window[0], reach.step[0], budget))
    for block in walk:
        pixels = [stack.window(block.source, slice(None), dates=dates)]
        pixels += [_rows(array.value, letters, block.source) for array, letters in zip(others, axes, strict=True)]
        part = function(**with_arrays(word, options, given, pixels))
        if block.source == slice(0, rows):
            return part
        planes = [leaf.value for leaf in leaves(part)]
        if whole is None:
            whole = [np.empty(_high(word, plane, rows // reach.step[0]), plane.dtype) for plane in planes]
        for plane, into in zip(planes, whole, strict=True):
            target = cropped(word, into, (block.result, slice(None)))
            target[...] = cropped(word, plane, (block.inner, slice(None)))
    return rebuilt(part, iter(whole or ()))


def _try(
    word: Word,
    function: Callable[..., Any],
    options: Mapping[str, Any],
    given: list[Given],
    axes: list[str],
    reach: Reach,
    dates: int,
) -> None:
    """Refuse invalid input before any pixel is read."""
    one_plane(given, axes)
    like = [np.zeros(0, array.value.dtype) for array in given]
    samples = samples_of(given, axes, reach, like)
    samples[0] = samples[0][:dates]
    function(**with_arrays(word, options, given, samples))


def _rows(array: Any, letters: str, rows: slice) -> Any:
    return array[tuple(rows if letter == "r" else slice(None) for letter in letters)]


def _high(word: Word, plane: Any, rows: int) -> tuple[int, ...]:
    shape = list(plane.shape)
    shape[plane.ndim - len(word.axes) + word.axes.index("r")] = rows
    return tuple(shape)
