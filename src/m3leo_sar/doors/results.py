"""Results of public functions as a flat list of arrays, and back: an array, a NamedTuple of arrays or a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Leaf(NamedTuple):
    """One array of a result."""

    #: Names of the fields on its path, joined by an underscore; empty if the result is the array itself.
    name: str
    value: Any


def leaves(result: Any, name: str = "") -> list[Leaf]:
    """Arrays of a result in the order of its fields.

    Examples
    --------
    >>> leaves({12: 0.5, 24: [0.1, 0.2]})
    [Leaf(name='12', value=0.5), Leaf(name='24_0', value=0.1), Leaf(name='24_1', value=0.2)]
    """
    if isinstance(result, dict):
        parts = list(result.items())
    elif hasattr(result, "_fields"):
        parts = list(zip(result._fields, result, strict=True))
    elif isinstance(result, (list, tuple)):
        parts = list(enumerate(result))
    else:
        return [Leaf(name, result)]
    return [leaf for key, part in parts for leaf in leaves(part, f"{name}_{key}" if name else str(key))]


def rebuilt(result: Any, values: Iterator[Any]) -> Any:
    """Result of the same structure with other arrays, taken in order.

    Examples
    --------
    >>> rebuilt({12: 0.5, 24: [0.1, 0.2]}, iter("abc"))
    {12: 'a', 24: ['b', 'c']}
    """
    if isinstance(result, dict):
        return {key: rebuilt(part, values) for key, part in result.items()}
    if hasattr(result, "_fields"):
        return type(result)(*(rebuilt(part, values) for part in result))
    if isinstance(result, (list, tuple)):
        return type(result)(rebuilt(part, values) for part in result)
    return next(values)


def mapped(result: Any, function: Callable[[Any], Any]) -> Any:
    """Result with ``function`` applied to each of its arrays."""
    return rebuilt(result, (function(leaf.value) for leaf in leaves(result)))
