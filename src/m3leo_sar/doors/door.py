"""Common entry of public functions: the result has the array library of the input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from m3leo_sar import _check
from m3leo_sar.doors.array_kinds import kind_of
from m3leo_sar.doors.call import Given, Word, given_arrays, with_arrays
from m3leo_sar.doors.results import mapped
from m3leo_sar.stack.pair_choice import PairChoice, chosen_pairs

P = ParamSpec("P")
R = TypeVar("R")
#: Kinds passed directly to a function, whose backend checks whether it supports them.
_PLAIN = frozenset(("numpy", "cupy", "simt", "other"))


def door(**facts: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a public function to accept every kind of array; the arguments are those of :class:`Word`.

    The function itself receives NumPy or CuPy arrays only, and ``pairs`` as a list of indices.

    - A masked array is a NumPy array with NaN under its mask.
    - A torch tensor is passed and returned without a copy, on a GPU through DLPack.
    - A dask array stays lazy; blocks with their halo equal the whole result bit for bit.
    - An xarray.DataArray over any of these is returned with the labels that are still valid.
    - An array of the other byte order is copied to native byte order.
    - An SlcStack is read block by block; its result is labelled with dates and CRS. If its phase is averaged, and it is
      not known to be flattened, a warning says so.
    - Any other value raises a TypeError that states the remedy.
    """
    word = Word(**facts)

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        has_pairs = "pairs" in signature.parameters

        @wraps(function)
        def enter(*args: P.args, **kwargs: P.kwargs) -> R:
            plain = all(_is_plain(value) for value in (*args, *kwargs.values()))
            if plain and not (has_pairs and kwargs.get("pairs") is not None):
                return function(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            arguments = dict(bound.arguments)
            for parameter in signature.parameters.values():
                if parameter.kind is parameter.VAR_KEYWORD:
                    arguments |= arguments.pop(parameter.name)
            return _entered(word, function, arguments)

        enter.word = word  # type: ignore[attr-defined]
        return enter

    return decorated


def _is_plain(value: Any) -> bool:
    kind = kind_of(value)
    return kind in _PLAIN and (kind != "numpy" or value.dtype.isnative)


def _entered(word: Word, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    given = given_arrays(word, arguments)
    if not given:
        return function(**arguments)
    given, arguments = _native(word, given, arguments)
    choice = _choice(word, arguments, given)
    if choice is not None:
        arguments = {**arguments, "pairs": choice.indices}
    return _by_kind(word, function, arguments, given, choice)


def _choice(word: Word, arguments: Mapping[str, Any], given: list[Given]) -> PairChoice | None:
    """Pairs of a stack; None if the function has to refuse the given value."""
    first = given[0]
    count = len(first.value.shape) - (first.argument in word.slcs and str(first.value.dtype) == "int16")
    if arguments.get("pairs") is None or first.argument != word.first or count != 3:
        return None
    if arguments.get("secondary") is not None:
        return None
    dates = None
    if first.kind == "stack":
        dates = first.value.dates
    elif first.kind == "xarray":
        from m3leo_sar.doors.xarray_labels import dates_along

        dates = dates_along(first.value)
    return chosen_pairs(arguments["pairs"], count=first.value.shape[0], dates=dates)


def _by_kind(
    word: Word, function: Callable[..., Any], arguments: dict[str, Any], given: list[Given], choice: PairChoice | None
) -> Any:
    """Call the function on arrays of one kind, after conversion of masked arrays to plain ones."""
    given, arguments = _unmasked(word, arguments, given)
    if given[0].kind == "stack":
        return _of_stack(word, function, arguments, given, choice)
    kinds = {array.kind for array in given}
    if len(kinds) > 1:
        raise TypeError(f"arrays must all be of one library, got a mix of {' and '.join(sorted(kinds))}")
    kind = kinds.pop()
    if kind == "torch":
        from m3leo_sar.doors.torch_tensors import array_of, tensor_of

        arrays = [array_of(array.value, array.label) for array in given]
        return mapped(_plain(word, function, with_arrays(word, arguments, given, arrays), choice), tensor_of)
    if kind == "xarray":
        return _of_xarray(word, function, arguments, given, choice)
    if kind == "dask" and word.eager:
        computed = with_arrays(word, arguments, given, [array.value.compute() for array in given])
        return _plain(word, function, computed, choice)
    if kind == "dask":
        from m3leo_sar.doors.dask_blocks import lazily

        return _without_axis(lazily(word, function, arguments, given), choice)
    return _plain(word, function, arguments, choice)


def _unmasked(word: Word, arguments: dict[str, Any], given: list[Given]) -> tuple[list[Given], dict[str, Any]]:
    if not any(array.kind == "masked" for array in given):
        return given, arguments
    plain = [
        array._replace(kind="numpy", value=_check.filled(array.value, array.label, slc=array.argument in word.slcs))
        if array.kind == "masked"
        else array
        for array in given
    ]
    return plain, with_arrays(word, arguments, given, [array.value for array in plain])


def _native(word: Word, given: list[Given], arguments: dict[str, Any]) -> tuple[list[Given], dict[str, Any]]:
    """Copy arrays of non-native byte order, such as GAMMA and SNAP files, to native byte order."""
    if not any(_is_swapped(array) for array in given):
        return given, arguments
    turned = [
        array._replace(value=array.value.astype(array.value.dtype.newbyteorder("="))) if _is_swapped(array) else array
        for array in given
    ]
    return turned, with_arrays(word, arguments, turned, [array.value for array in turned])


def _is_swapped(array: Given) -> bool:
    return array.kind in ("numpy", "masked", "dask", "xarray") and not array.value.dtype.isnative


def _plain(word: Word, function: Callable[..., Any], arguments: dict[str, Any], choice: PairChoice | None) -> Any:
    return _without_axis(function(**arguments), choice)


def _without_axis(result: Any, choice: PairChoice | None) -> Any:
    """Result of one pair without the axis of pairs."""
    return mapped(result, lambda array: array[0]) if choice is not None and choice.single else result


def _of_xarray(
    word: Word, function: Callable[..., Any], arguments: dict[str, Any], given: list[Given], choice: PairChoice | None
) -> Any:
    from m3leo_sar.doors.terrain_labels import with_stated_heights
    from m3leo_sar.doors.xarray_labels import labelled, same_grid

    if word.labels:
        same_grid(word, given)
    if word.heights:
        arguments = with_stated_heights(word, arguments)
    inside = with_arrays(word, arguments, given, [array.value.data for array in given])
    result = _by_kind(word, function, inside, given_arrays(word, inside), choice)
    return labelled(word, inside, given, result, choice) if word.labels else result


def _of_stack(
    word: Word, function: Callable[..., Any], arguments: dict[str, Any], given: list[Given], choice: PairChoice | None
) -> Any:
    from m3leo_sar.doors.array_kinds import refused
    from m3leo_sar.doors.stack_rows import over_rows
    from m3leo_sar.doors.xarray_labels import labelled, same_grid, stack_template

    first, others = given[0], given[1:]
    if not word.stacks:
        raise refused(first.value, first.label)
    if choice is None and "pairs" in inspect.signature(function).parameters:
        raise TypeError("give the pairs= of an SlcStack that are to be compared, and no second image")
    if word.averages and word.reach and arguments.get("reference_phase") is None:
        from m3leo_sar.stack.flatness import warn_unless_flat

        # The caller of the public function, through the four functions of this module.
        warn_unless_flat(first.value, word.reach(**arguments).window, stacklevel=6)
    template = first._replace(kind="xarray", value=stack_template(first.value))
    same_grid(word, [template, *(array for array in others if array.kind == "xarray")])
    others = [array._replace(value=array.value.data) if array.kind == "xarray" else array for array in others]
    for array in others:
        if kind_of(array.value) != "numpy":
            raise TypeError(f"{array.label} must be a NumPy or xarray array beside an SlcStack, got {array.kind}")
    given = [first, *others]
    arguments = with_arrays(word, arguments, given, [array.value for array in given])
    result = _without_axis(over_rows(word, function, arguments, given, choice), choice)
    return labelled(word, arguments, [template, *others][:1], result, choice)
