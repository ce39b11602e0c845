"""One call of a public function: its array arguments and their axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.doors.array_kinds import kind_of, refused
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.results import Leaf, leaves, rebuilt

#: Kinds of values that are arrays of a supported library.
ARRAYS = ("numpy", "cupy", "simt", "masked", "torch", "dask", "xarray", "stack", "foreign")


@dataclass(frozen=True, kw_only=True)
class Word:
    """Declaration of the arguments and the result of a public function.

    Parameters
    ----------
    arrays : mapping of str to str
        Axes of each array argument, as letters: r rows, c columns, d dates, p pairs, any other letter for another axis,
        and a leading * for any preceding axes. Axes before the rows may be missing. The first array is the image that
        labels the result; ``"*"`` alone is an array of any shape, for an element-wise function.
    images : int
        Number of leading arrays that are images of the same ground, all of whose labels are used.
    slcs : tuple of str
        Arrays that may be complex int16, with the parts on a last axis.
    sequences : tuple of str
        Arguments that may be a list, tuple or NamedTuple of arrays.
    array_like : tuple of str
        Arguments that may be numbers or lists of them.
    reach : callable, optional
        Reach of a result, from the arguments by name; without it the function needs the whole image at once.
    like : callable, optional
        For a function that needs the whole image: prototypes of its results, arrays of their shape and dtype, from the
        arguments.
    axes : str
        Axes of a result, starting with its rows, as letters.
    grid : callable, optional
        Geobox of the result's rows and columns, from the arguments, if they are not those of the first array; None for
        a grid without coordinates.
    lead : str, optional
        Dimension of the axis before the rows, if it is neither that of pairs nor one of the first array.
    stacks : bool
        Whether the first array may be an SlcStack.
    averages : bool
        Whether the phase of an SlcStack is averaged within the reach, so that it has to be flat unless a
        ``reference_phase`` is given.
    eager : bool
        Whether dask arrays are computed at once, as the shape of the result is unknown or it is not an array.
    labels : bool
        Whether results of labelled arrays are labelled.
    heights : str
        Array of terrain heights, on the grid ``<name>_geobox``, whose vertical datum its labels or ``vertical_crs``
        must state; empty for none.
    name : str
        Name of a single-array result; empty to keep that of the first array.
    units : mapping of str to str or None
        Unit of each array of the result by its name, None for no fixed unit; otherwise that of the first array.
    """

    arrays: Mapping[str, str]
    images: int = 1
    slcs: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    array_like: tuple[str, ...] = ()
    reach: Callable[..., Reach] | None = None
    like: Callable[..., Any] | None = None
    axes: str = "rc"
    grid: Callable[..., Any] | None = None
    lead: str | None = None
    stacks: bool = False
    averages: bool = False
    eager: bool = False
    labels: bool = True
    heights: str = ""
    name: str = ""
    units: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """Argument that labels the result."""
        return next(iter(self.arrays))

    @property
    def elementwise(self) -> bool:
        """Whether the function is element-wise, on arrays of any shape."""
        return self.arrays[self.first] == "*"


class Given(NamedTuple):
    """One array argument of a call."""

    #: Argument, and name of the array in a message: ``chip[2]`` for an element of a sequence.
    argument: str
    label: str
    kind: str
    value: Any


def given_arrays(word: Word, arguments: Mapping[str, Any]) -> list[Given]:
    """Array arguments of a call in the order of ``arrays``, without omitted ones and plain numbers.

    Raises
    ------
    TypeError
        If an argument is a list, or an array of an unsupported library.
    """
    found = []
    for name in word.arrays:
        value = arguments.get(name)
        for leaf in leaves(value) if _is_sequence(word, name, value) else [Leaf("", value)]:
            kind = kind_of(leaf.value)
            label = f"{name}[{leaf.name}]" if _is_sequence(word, name, value) else name
            if kind == "sequence" and name in word.array_like:
                continue
            if kind in ("foreign", "sequence"):
                raise refused(leaf.value, label)
            if kind in ARRAYS:
                found.append(Given(name, label, kind, leaf.value))
    return found


def with_arrays(word: Word, arguments: Mapping[str, Any], given: list[Given], values: list[Any]) -> dict[str, Any]:
    """Arguments with the given arrays replaced."""
    fresh, left = dict(arguments), list(zip(given, values, strict=True))
    for name in dict.fromkeys(array.argument for array in given):
        value = arguments[name]
        own = [new for array, new in left if array.argument == name]
        if _is_sequence(word, name, value):
            kept = iter(own)
            parts = (next(kept) if kind_of(leaf.value) in ARRAYS else leaf.value for leaf in leaves(value))
            fresh[name] = rebuilt(value, parts)
        else:
            fresh[name] = own[0]
    return fresh


def _is_sequence(word: Word, name: str, value: Any) -> bool:
    return name in word.sequences and kind_of(value) == "sequence"


def axes_of(word: Word, array: Given) -> str:
    """Axes of an array as letters, where i is the axis of the two parts of complex int16.

    Raises
    ------
    ValueError
        If the array has fewer or more axes than the function accepts.
    """
    letters, value = word.arrays[array.argument], array.value
    parts = "i" if array.argument in word.slcs and str(value.dtype) == "int16" else ""
    count = len(value.shape) - len(parts)
    lead, _, behind = letters.partition("rc")
    more = count - 2 - len(behind)
    if lead.startswith("*"):
        lead = "0123456789"[: max(more, 0)]
    if not 0 <= more <= len(lead):
        axes = {"d": "dates", "p": "pairs", "r": "rows", "c": "cols"}
        wanted = ", ".join(axes.get(letter, "...") for letter in letters)
        raise ValueError(f"{array.label} must be ({wanted}), got shape {tuple(value.shape)}")
    return lead[len(lead) - more :] + "rc" + behind + parts


def one_plane(given: list[Given], axes: list[str]) -> None:
    """Refuse arrays whose rows and columns are not those of the first.

    Raises
    ------
    ValueError
        If one differs.
    """
    sizes = [
        tuple(array.value.shape[letters.index(letter)] for letter in "rc")
        for array, letters in zip(given, axes, strict=True)
    ]
    for array, size in zip(given, sizes, strict=True):
        if size != sizes[0]:
            raise ValueError(f"{array.label} must have the rows and cols of {given[0].label}, {sizes[0]}, got {size}")


def samples_of(given: list[Given], axes: list[str], reach: Any, like: list[Any]) -> list[Any]:
    """Arrays of ones, as small as a window allows, for a trial call that gives the result type and refuses bad input.

    ``like`` are arrays of the library, of any size, one per given array.
    """
    samples = []
    for array, letters, kind in zip(given, axes, like, strict=True):
        shape = list(array.value.shape)
        for place, letter in enumerate("rc"):
            axis = letters.index(letter)
            shape[axis] = min(shape[axis], max(reach.window[place], reach.step[place]))
        samples.append(np.ones_like(kind, shape=tuple(shape)))
    return samples
