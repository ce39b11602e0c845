"""M3LEO's tile identifiers, which are hashes of printed corner coordinates."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence

import numpy as np

_MODULUS = 10**15
_DIGITS = 13


def tile_identifier(minlon: float, minlat: float, maxlon: float, maxlat: float) -> str:
    """Identifier of the tile with these corners, 13 hexadecimal digits.

    The corners are rounded to five decimals, printed as NumPy prints a 5 x 2 array (lower left, lower right, upper
    right, upper left, lower left), and the text is hashed by SHA-256 modulo 10^15. The text is formed here, so the
    identifier depends neither on NumPy's version nor on its print options.

    Parameters
    ----------
    minlon, minlat, maxlon, maxlat : float
        Degrees, minimum below maximum.

    Raises
    ------
    ValueError
        If a corner is not finite or a minimum is not below its maximum.

    References
    ----------
    M3LEO, arXiv 2406.04230, 2024; the rule is that of the released tile sets.

    Examples
    --------
    >>> tile_identifier(-77.48249184342903, 38.85149853609722, -77.43152587423306, 38.89134057662451)
    '1a1e77399c5bd'
    """
    corners = [float(value) for value in (minlon, minlat, maxlon, maxlat)]
    if not all(math.isfinite(value) for value in corners):
        raise ValueError(f"tile corners must be finite, got {tuple(corners)}")
    if not (corners[0] < corners[2] and corners[1] < corners[3]):
        raise ValueError(f"tile corners must be (minlon, minlat, maxlon, maxlat), got {tuple(corners)}")
    # NumPy's rounding: it differs from Python's where a product with 10^5 falls on a half.
    west, south, east, north = (float(np.round(value, 5)) for value in corners)
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return text_hash(printed(ring))


def list_hash(identifiers: Iterable[str]) -> str:
    """Hash of a tile set: that of its identifiers in order, joined by spaces.

    Examples
    --------
    >>> list_hash(["1a1e77399c5bd", "344786096543e"])
    '37142462ec583'
    """
    return text_hash(" ".join(identifiers))


def text_hash(text: str) -> str:
    """SHA-256 of a text modulo 10^15 as 13 hexadecimal digits."""
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16) % _MODULUS
    return f"{number:0{_DIGITS}x}"


def printed(table: Sequence[Sequence[float]]) -> str:
    """Text of a table of floats as NumPy's default print gives it."""
    values = [value for line in table for value in line]
    cells = _scientific(values) if _needs_exponent(values) else _positional(values)
    width = len(table[0])
    lines = (" ".join(cells[start : start + width]) for start in range(0, len(cells), width))
    return "[" + "\n ".join(f"[{line}]" for line in lines) + "]"


def _needs_exponent(values: Sequence[float]) -> bool:
    sizes = [abs(value) for value in values if value != 0]
    return bool(sizes) and (max(sizes) >= 1e8 or min(sizes) < 1e-4 or max(sizes) / min(sizes) > 1000)


def _positional(values: Sequence[float]) -> list[str]:
    """Shortest decimals, points aligned; missing digits of a fraction are spaces, not zeros."""
    parts = [_decimal(value).split(".") for value in values]
    before = max(len(whole) for whole, _ in parts)
    behind = max(len(fraction) for _, fraction in parts)
    return [f"{whole:>{before}}.{fraction:<{behind}}" for whole, fraction in parts]


def _decimal(value: float) -> str:
    text = repr(value)
    # repr turns to an exponent below 1e-4, where five decimals still have one digit.
    text = f"{value:.5f}".rstrip("0") if "e" in text else text
    return text[:-1] if text.endswith(".0") else text


def _scientific(values: Sequence[float]) -> list[str]:
    """As many digits for all as the longest needs, exponents of two digits."""
    texts = [_shortest_mantissa(value) for value in values]
    behind = max(len(text.lstrip("-")) - 2 for text in texts)
    cells = [f"{value:.{max(behind, 0)}e}" for value in values]
    cells = [cell if "." in cell else cell.replace("e", ".e") for cell in cells]
    width = max(len(cell) for cell in cells)
    return [f"{cell:>{width}}" for cell in cells]


def _shortest_mantissa(value: float) -> str:
    """Mantissa of the shortest decimal that reads back as the value, such as 1.234."""
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0") or "0"
    return f"{digits[0]}.{digits[1:]}"
