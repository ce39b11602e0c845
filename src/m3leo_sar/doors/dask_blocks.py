"""Public functions on dask arrays: lazy computation, block by block with its halo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from m3leo_sar.doors.blocks import Block, axis_blocks, cuts_at
from m3leo_sar.doors.call import Given, Word, axes_of, one_plane, samples_of, with_arrays
from m3leo_sar.doors.results import leaves, rebuilt


def lazily(word: Word, function: Callable[..., Any], arguments: Mapping[str, Any], given: list[Given]) -> Any:
    """Call ``function`` on dask arrays; results equal those of the whole arrays, bit for bit."""
    if word.elementwise:
        return _elementwise(word, function, arguments, given)
    axes = [axes_of(word, array) for array in given]
    first, letters = given[0].value, axes[0]
    sizes = [first.shape[letters.index(letter)] for letter in "rc"]
    if word.reach is None:
        whole = [(Block(slice(0, size), slice(0, size), slice(None)),) for size in sizes]
        expected = word.like(**arguments) if word.like else None
        return _assembled(word, function, arguments, (given, axes), (whole[0], whole[1]), expected)
    one_plane(given, axes)
    reach = word.reach(**arguments)
    samples = samples_of(given, axes, reach, [array.value._meta for array in given])
    expected = function(**with_arrays(word, arguments, given, samples))
    walks = []
    for size, window, step, letter in zip(sizes, reach.window, reach.step, "rc", strict=True):
        edges = () if reach.whole_rows and letter == "c" else np.cumsum(first.chunks[letters.index(letter)])
        walks.append(tuple(axis_blocks(size, window, step, cuts_at(tuple(edges), size, step))))
    return _assembled(word, function, arguments, (given, axes), (walks[0], walks[1]), expected)


def _assembled(
    word: Word,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    arrays: tuple[list[Given], list[str]],
    walks: tuple[tuple[Block, ...], tuple[Block, ...]],
    expected: Any,
) -> Any:
    import dask
    import dask.array

    given, axes = arrays
    wanted = [leaf.value if hasattr(leaf.value, "ndim") else np.asarray(leaf.value) for leaf in leaves(expected)]
    rows: list[list[list[Any]]] = [[] for _ in walks[0]]
    for row, down in zip(rows, walks[0], strict=True):
        for along in walks[1]:
            place = {"r": down.source, "c": along.source}
            parts = [
                array.value[tuple(place.get(letter, slice(None)) for letter in letters)]
                for array, letters in zip(given, axes, strict=True)
            ]
            inner = (down.inner, along.inner) if word.reach is not None else None
            call = partial(_one_block, word, function, dict(arguments), given, inner)
            done = dask.delayed(call, pure=False, traverse=False)(*parts)
            sizes = down.result.stop - down.result.start, along.result.stop - along.result.start
            shapes = [_shape(word, leaf, sizes) for leaf in wanted]
            row.append([
                dask.array.from_delayed(done[index], shape, meta=leaf[..., :0] if leaf.ndim else leaf)
                for index, (leaf, shape) in enumerate(zip(wanted, shapes, strict=True))
            ])  # fmt: skip
    return rebuilt(
        expected,
        (_joined(word, leaf, [[col[index] for col in row] for row in rows]) for index, leaf in enumerate(wanted)),
    )


def _joined(word: Word, leaf: Any, blocks: list[list[Any]]) -> Any:
    """One array of the result, from its blocks in row order."""
    import dask.array

    if len(blocks) == len(blocks[0]) == 1:
        return blocks[0][0]
    down, along = (_axis(word, leaf, letter) for letter in "rc")
    return dask.array.concatenate([dask.array.concatenate(row, axis=along) for row in blocks], axis=down)


def _one_block(
    word: Word,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    given: list[Given],
    inner: tuple[slice, slice] | None,
    *parts: Any,
) -> list[Any]:
    result = function(**with_arrays(word, arguments, given, list(parts)))
    return [leaf.value if inner is None else cropped(word, leaf.value, inner) for leaf in leaves(result)]


def cropped(word: Word, leaf: Any, inner: tuple[slice, slice]) -> Any:
    """Rows and columns of one array of a result."""
    index: list[slice] = [slice(None)] * leaf.ndim
    index[_axis(word, leaf, "r")], index[_axis(word, leaf, "c")] = inner
    return leaf[tuple(index)]


def _axis(word: Word, leaf: Any, letter: str) -> int:
    return leaf.ndim - len(word.axes) + word.axes.index(letter)


def _shape(word: Word, leaf: Any, sizes: tuple[int, int]) -> tuple[int, ...]:
    shape = list(leaf.shape)
    if word.reach is not None:
        shape[_axis(word, leaf, "r")], shape[_axis(word, leaf, "c")] = sizes
    return tuple(shape)


def _elementwise(word: Word, function: Callable[..., Any], arguments: Mapping[str, Any], given: list[Given]) -> Any:
    import dask.array

    def block(*parts: Any) -> Any:
        return function(**with_arrays(word, arguments, given, list(parts)))

    arrays = [array.value for array in given]
    meta = block(*(np.ones_like(array._meta, shape=(1,) * array.ndim) for array in arrays))
    return dask.array.map_blocks(block, *arrays, meta=meta)
