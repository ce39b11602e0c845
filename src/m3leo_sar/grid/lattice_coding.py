"""Identifiers of the exact lattice as numbers: zone, column and row in eight bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IDENTIFIER = re.compile(r"(\d{2})([NS])(\d+)-(\d{4,})-(\d{4,})")
#: Number of zones of a hemisphere; bits of columns and rows, of which steps of 1 m need 20 and 24.
_ZONES, _BITS = 60, 28
_LARGEST = 1 << _BITS


@dataclass(frozen=True)
class LatticeCoding:
    """Rule between identifiers of one side and their codes.

    Examples
    --------
    >>> coding = LatticeCoding(4480)
    >>> coding.texts(np.array([coding.code("31N4480-0113-1203")], np.uint64)), coding.code("31N1000-0113-1203")
    (['31N4480-0113-1203'], None)
    """

    side: int

    def texts(self, codes: NDArray[np.uint64]) -> list[str]:
        """Texts of codes."""
        numbers = codes.view(np.int64)
        zone, column, row = numbers >> 2 * _BITS, numbers >> _BITS & (_LARGEST - 1), numbers & (_LARGEST - 1)
        cells = zip((zone - _ZONES).tolist(), column.tolist(), row.tolist(), strict=True)
        return [_text(*cell, self.side) for cell in cells]

    def joined(self, codes: NDArray[np.uint64]) -> bytes:
        """Texts of codes, joined by spaces, as bytes; many at once where all columns and rows have four digits."""
        numbers = codes.view(np.int64)
        zone = (numbers >> 2 * _BITS) - _ZONES
        column, row = (numbers >> shift & (_LARGEST - 1) for shift in (_BITS, 0))
        if not len(codes) or max(int(column.max()), int(row.max())) > 9999:
            return " ".join(self.texts(codes)).encode()
        parts = [_digits(np.abs(zone), 2), np.where(zone[:, None] > 0, ord("N"), ord("S"))]
        parts += [_repeated(f"{self.side}-", len(codes)), _digits(column, 4), _repeated("-", len(codes))]
        parts += [_digits(row, 4), _repeated(" ", len(codes))]
        return np.concatenate([part.astype(np.uint8) for part in parts], axis=1).tobytes()[:-1]

    def code(self, text: str) -> int | None:
        """Code of a text, None if it is not an identifier of this side."""
        place = place_of(text)
        # One text stands for a place: zeros fill four digits and no more.
        if place is None or place[3] != self.side or _text(*place) != text:
            return None
        zone, column, row, _ = place
        return (zone + _ZONES) << 2 * _BITS | column << _BITS | row


def lattice_codes(zone: NDArray[Any], column: NDArray[Any], row: NDArray[Any]) -> NDArray[np.uint64]:
    """Codes of places: zone 1 to 60, negative in the south, column and row, each (tiles,)."""
    codes = zone.astype(np.int64) + _ZONES
    for axis in (column, row):
        codes <<= _BITS
        codes |= axis
    return codes.view(np.uint64)


def place_of(text: str) -> tuple[int, int, int, int] | None:
    """Zone, column, row and side that an identifier encodes, None if it is no identifier of the lattice."""
    match = _IDENTIFIER.fullmatch(text)
    if not match:
        return None
    number, side, column, row = (int(match[place]) for place in (1, 3, 4, 5))
    if not 1 <= number <= _ZONES or side < 1 or max(column, row) >= _LARGEST:
        return None
    return number if match[2] == "N" else -number, column, row, side


def _text(zone: int, column: int, row: int, side: int) -> str:
    return f"{abs(zone):02d}{'N' if zone > 0 else 'S'}{side}-{column:04d}-{row:04d}"


def _digits(numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Characters (numbers, count) of decimal numbers with leading zeros."""
    return ord("0") + numbers[:, None] // 10 ** np.arange(count - 1, -1, -1) % 10


def _repeated(text: str, count: int) -> NDArray[np.uint8]:
    return np.tile(np.frombuffer(text.encode(), np.uint8), (count, 1))
