"""Identifiers of many tiles: eight bytes each where their rule is known, texts where they are asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.identifier import hash_numbers, hash_text, list_hash

#: Number of texts in memory at once.
_BLOCK = 65_536

Codes = NDArray[np.uint64]


class Coding(Protocol):
    """Rule between the text of an identifier and its code."""

    def texts(self, codes: Codes) -> list[str]:
        """Texts of codes."""

    def code(self, text: str) -> int | None:
        """Code of a text, None if no code stands for it."""


@dataclass(frozen=True)
class HashCoding:
    """Identifiers of thirteen hexadecimal digits: their number."""

    def texts(self, codes: Codes) -> list[str]:
        """Texts of codes."""
        return [hash_text(code) for code in codes.tolist()]

    def code(self, text: str) -> int | None:
        """Code of a text, None if it is not such an identifier."""
        found = hash_numbers(text.encode(), 1)
        return None if found is None else int(found[0])


class NameCoding:
    """Names of any kind: the position of their first occurrence."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._first: dict[str, int] = {}
        for position, name in enumerate(names):
            self._first.setdefault(name, position)

    @property
    def codes(self) -> Codes:
        """Codes of all names in order."""
        return np.fromiter((self._first[name] for name in self._names), np.uint64, len(self._names))

    def texts(self, codes: Codes) -> list[str]:
        """Texts of codes."""
        return [self._names[code] for code in codes.tolist()]

    def code(self, text: str) -> int | None:
        """Code of a name, None if it is not among them."""
        return self._first.get(text)


class IdentifierColumn(Sequence[str]):
    """Identifiers in order; equal to any sequence of the same texts.

    Parameters
    ----------
    codes : (tiles,) uint64
    coding : Coding
        Rule by which texts are formed from codes.

    Examples
    --------
    >>> column = IdentifierColumn.of(["1a1e77399c5bd", "344786096543e"])
    >>> column[1], column.positions["344786096543e"], column == ["1a1e77399c5bd", "344786096543e"]
    ('344786096543e', 1, True)
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, codes: Codes, coding: Coding) -> None:
        self.codes, self.coding = codes, coding

    @classmethod
    def of(cls, identifiers: Iterable[str]) -> IdentifierColumn:
        """Column of texts: codes of eight bytes if all are hashes, else the texts themselves."""
        if isinstance(identifiers, IdentifierColumn):
            return identifiers
        names, parts = iter(identifiers), [np.zeros(0, np.uint64)]
        while block := list(islice(names, _BLOCK)):
            part = hash_numbers(" ".join(block).encode(), len(block))
            if part is None:
                coding = NameCoding([*HashCoding().texts(np.concatenate(parts)), *block, *names])
                return cls(coding.codes, coding)
            parts.append(part)
        return cls(np.concatenate(parts), HashCoding())

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> IdentifierColumn: ...
    def __getitem__(self, index: int | slice) -> str | IdentifierColumn:
        if isinstance(index, slice):
            return self.take(index)
        place = range(len(self))[index]
        return self.coding.texts(self.codes[place : place + 1])[0]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _BLOCK):
            yield from self.coding.texts(self.codes[first : first + _BLOCK])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and self.first_difference(other) is None

    def __contains__(self, identifier: object) -> bool:
        return isinstance(identifier, str) and identifier in self.positions

    def __repr__(self) -> str:
        shown = list(self[:4]) if len(self) > 4 else list(self)
        return repr(shown) if len(shown) == len(self) else f"{str(shown)[:-1]}, ...] of {len(self)} tiles"

    def take(self, positions: Any) -> IdentifierColumn:
        """Identifiers at these positions, a slice or an array."""
        return IdentifierColumn(self.codes[positions], self.coding)

    def first_difference(self, other: Sequence[str]) -> int | None:
        """Position of the first text that differs from another sequence of the same length, None if there is none."""
        if isinstance(other, IdentifierColumn) and other.coding == self.coding:
            differing = np.flatnonzero(self.codes != other.codes)
            return int(differing[0]) if len(differing) else None
        pairs = enumerate(zip(self, other, strict=True))
        return next((position for position, (own, given) in pairs if own != given), None)

    def find(self, identifiers: Sequence[str]) -> NDArray[np.intp]:
        """Positions (identifiers,) of many identifiers at once, -1 where one is absent."""
        if isinstance(identifiers, IdentifierColumn) and identifiers.coding == self.coding:
            return self.positions.of_codes(identifiers.codes)
        known = {identifier: position for position, identifier in enumerate(self)}
        return np.array([known.get(identifier, -1) for identifier in identifiers], np.intp)

    @property
    def list_hash(self) -> str:
        """Hash of the identifiers in order, as in the names of M3LEO's tile files."""
        return list_hash(self)

    @cached_property
    def positions(self) -> IdentifierPositions:
        """Position of each identifier; that of the last, if it occurs several times."""
        return IdentifierPositions(self)


class IdentifierPositions(Mapping[str, int]):
    """Position by identifier, found by bisection in the sorted codes; its length is the number of distinct ones."""

    def __init__(self, column: IdentifierColumn) -> None:
        self._coding, self._codes = column.coding, column.codes
        rises = bool((self._codes[1:] > self._codes[:-1]).all())
        # Lattices are in the order of their codes, which then needs no list of places.
        self._order = None if rises else np.argsort(self._codes, kind="stable").astype(np.int32)

    def __getitem__(self, identifier: str) -> int:
        code = self._coding.code(identifier)
        if code is not None:
            rank = bisect_right(range(len(self._codes)), code, key=lambda rank: int(self._codes[self._place(rank)])) - 1
            place = self._place(rank) if rank >= 0 else 0
            if rank >= 0 and self._codes[place] == code:
                return place
        raise KeyError(identifier)

    def _place(self, rank: int) -> int:
        return rank if self._order is None else int(self._order[rank])

    def of_codes(self, codes: Codes) -> NDArray[np.intp]:
        """Positions of codes of the same coding, -1 where one is absent."""
        in_order = self._in_order
        ranks = np.searchsorted(in_order, codes, side="right") - 1
        found = ranks >= 0
        found[found] = in_order[ranks[found]] == codes[found]
        return np.where(found, ranks if self._order is None else self._order[ranks], -1)

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self._distinct), _BLOCK):
            yield from self._coding.texts(self._distinct[first : first + _BLOCK])

    def __len__(self) -> int:
        return len(self._codes) - len(self._repeated)

    @property
    def first_repeated(self) -> str | None:
        """The identifier that occurs a second time first, None if all are distinct."""
        if not len(self._repeated) or self._order is None:
            return None
        place = self._order[self._repeated].min()
        return self._coding.texts(self._codes[place : place + 1])[0]

    @property
    def _in_order(self) -> Codes:
        return self._codes if self._order is None else self._codes[self._order]

    @property
    def _repeated(self) -> NDArray[np.intp]:
        """Ranks of codes that equal the one before."""
        in_order = self._in_order
        return np.flatnonzero(in_order[1:] == in_order[:-1]) + 1

    @property
    def _distinct(self) -> Codes:
        return np.delete(self._in_order, self._repeated)
