"""Classes of a map: their codes, names and colours."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Codes that fit a map of up to 32 bits.
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1
#: Maximum number of classes: a target reserves 255 for pixels without a class.
_MOST = 255
#: Rotation between the hues of neighbouring codes: the golden ratio separates any number of them.
_TURN = 0.618034
#: Colour of a code missing from a legend; no class is black.
UNKNOWN_COLOUR = "#000000"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class LegendClass(NamedTuple):
    """One class of a map."""

    #: Value of its pixels.
    code: int
    name: str
    #: ``#rrggbb``.
    colour: str


@dataclass(frozen=True, slots=True)
class Legend:
    """Classes of a map in order; the position of a class is its index in a network's output.

    Parameters
    ----------
    classes : tuple of LegendClass
        1 to 255 classes, with codes of 32 bits at most.

    Raises
    ------
    ValueError
        If there are too few or too many classes, a code or a name occurs twice, or one is invalid.

    Examples
    --------
    >>> legend = Legend.parse({0: "dry", 1: "flooded"})
    >>> legend.positions(np.array([1, 0, 7])).tolist()
    [1, 0, -1]
    >>> legend.nodata
    255
    """

    classes: tuple[LegendClass, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= _MOST:
            raise ValueError(f"classes must be 1 to {_MOST}, got {len(self.classes)}")
        for part in ("code", "name"):
            values = [getattr(entry, part) for entry in self.classes]
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"classes must have a {part} each, got {twice!r} twice")
        for code, name, colour in self.classes:
            if not _LOWEST <= code <= _HIGHEST:
                raise ValueError(f"code of class {name!r} must be {_LOWEST} to {_HIGHEST}, got {code}")
            if not _COLOUR.fullmatch(colour):
                raise ValueError(f"colour of class {name!r} must read #rrggbb, got {colour!r}")

    @classmethod
    def parse(cls, given: Mapping[Any, Any] | Sequence[Any]) -> Legend:
        """Create a legend from plain values, as in a configuration or a chip's metadata.

        Parameters
        ----------
        given : mapping or sequence
            Codes with their names; or entries with ``code``, ``name`` and, optionally, ``colour``.

        Raises
        ------
        ValueError
            If it has another form.
        """
        if isinstance(given, Mapping):
            return cls(tuple(_entry({"code": code, "name": name}) for code, name in given.items()))
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise ValueError(f"classes must be entries with code, name and colour, got {given!r}")
        return cls(tuple(_entry(entry) for entry in given))

    @classmethod
    def of_codes(cls, codes: NDArray[np.integer]) -> Legend:
        """Create a legend of unknown codes: each is named by its number and has a separate colour.

        Raises
        ------
        ValueError
            If there are more distinct codes than a legend allows.
        """
        return cls(tuple(_entry({"code": int(code), "name": f"code {code}"}) for code in np.unique(codes)))

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of the classes, in order."""
        return tuple(entry.code for entry in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        return tuple(entry.name for entry in self.classes)

    @property
    def nodata(self) -> int:
        """Code of a pixel without a class: 0, or 255 and then -1 downwards where a class has that code."""
        return next(code for code in (0, 255, *range(-1, -_MOST - 1, -1)) if code not in self.codes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Smallest integer type that can represent every code and :attr:`nodata`."""
        return np.result_type(*(np.min_scalar_type(code) for code in (*self.codes, self.nodata)))

    def joined(self, other: Legend) -> Legend:
        """These classes and those of another legend with other codes and names, up to 255."""
        if other == self:
            return self
        more = [entry for entry in other.classes if entry.code not in self.codes and entry.name not in self.names]
        return Legend((*self.classes, *more)[:_MOST])

    def entries(self) -> list[dict[str, Any]]:
        """Plain values, readable by :meth:`parse`."""
        return [entry._asdict() for entry in self.classes]

    def positions(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """Index of each pixel's class, -1 for a code without a class, NaN or a fraction."""
        found = np.full(codes.shape, -1, np.int64)
        for place, code in enumerate(self.codes):
            found[codes == code] = place
        return found


def _entry(given: Any) -> LegendClass:
    if not isinstance(given, Mapping) or not {"code", "name"} <= set(given) <= {"code", "name", "colour"}:
        raise ValueError(f"a class must have code, name and optionally colour, got {given!r}")
    try:
        code = int(str(given["code"]))
    except ValueError as error:
        raise ValueError(f"code of class {given['name']!r} must be a whole number, got {given['code']!r}") from error
    return LegendClass(code, str(given["name"]), str(given.get("colour") or code_colour(code)))


def code_colour(code: int) -> str:
    """Default colour ``#rrggbb`` of a code: the same in every picture, never black.

    Examples
    --------
    >>> code_colour(1), code_colour(2)
    ('#3666d9', '#a7f23d')
    """
    # Neighbouring codes differ in brightness too.
    red, green, blue = colorsys.hsv_to_rgb(code * _TURN % 1, 0.75, (0.7, 0.85, 0.95)[code % 3])
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))
