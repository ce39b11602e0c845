"""M3LEO's tile identifiers, which are hashes of printed corner coordinates."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MODULUS = 10**15
_DIGITS = 13
#: Decimals to which corners are rounded, and number of tiles printed at once.
_DECIMALS, _BLOCK = 5, 65_536
#: Value of each character as a lower-case hexadecimal digit, -1 if it is none.
_HEXADECIMAL = np.array(["0123456789abcdef".find(chr(code)) for code in range(256)], np.int8)
#: Columns of (minlon, minlat, maxlon, maxlat) in the order of the printed ring.
_RING = ((0, 1), (2, 1), (2, 3), (0, 3), (0, 1))


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


def tile_identifiers(bounds: ArrayLike) -> list[str]:
    """Identifiers of many tiles, equal to those of :func:`tile_identifier`, in one or two microseconds per tile.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees.

    Raises
    ------
    ValueError
        If a corner is not finite or a minimum is not below its maximum.

    Examples
    --------
    >>> tile_identifiers([(-60.5, -33.25, -60.45, -33.21), (0.01234, 51.5, 0.07654, 51.54)])
    ['20740af19f989', '0ea127158f6d6']
    """
    return [hash_text(number) for number in tile_numbers(bounds).tolist()]


def tile_numbers(bounds: ArrayLike) -> NDArray[np.uint64]:
    """Numbers (tiles,) whose hexadecimal digits are the identifiers of :func:`tile_identifiers`.

    Raises
    ------
    ValueError
        If a corner is not finite or a minimum is not below its maximum.
    """
    boxes = np.asarray(bounds, np.float64).reshape(-1, 4)
    out = np.empty(len(boxes), np.uint64)
    for first in range(0, len(boxes), _BLOCK):
        block = slice(first, first + _BLOCK)
        out[block] = _block_numbers(boxes[block])
    return out


def _block_numbers(boxes: NDArray[np.float64]) -> NDArray[np.uint64]:
    wrong = ~(np.isfinite(boxes).all(axis=1) & (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3]))
    if wrong.any():
        tile_identifier(*boxes[wrong][0])
    rounded = np.round(boxes, _DECIMALS)
    sizes = np.abs(rounded)
    smallest = np.where(sizes == 0, np.inf, sizes).min(axis=1)
    plain = (smallest >= 1e-4) & (sizes.max(axis=1) <= 1000 * smallest) & (sizes.max(axis=1) < 1e3)
    numbers = np.rint(sizes * 10**_DECIMALS).astype(np.int64)
    whole, fraction = np.divmod(numbers, 10**_DECIMALS)
    signs = np.signbit(rounded)
    before = 1 + (whole >= 10) + (whole >= 100)
    behind = _DECIMALS - sum((fraction % 10**place == 0).astype(np.int64) for place in range(1, _DECIMALS + 1))
    # All values of a tile are padded to its widest one, and tiles of one layout are printed together.
    layout = 10 * (before + signs).max(axis=1) + behind.max(axis=1)
    out = np.empty(len(boxes), np.uint64)
    for position in np.flatnonzero(~plain):
        out[position] = int(tile_identifier(*boxes[position]), 16)
    for key in np.unique(layout[plain]):
        here = np.flatnonzero(plain & (layout == key))
        signs_here, fraction_here = (signs[here], before[here]), (fraction[here], behind[here])
        text = _printed_block(whole[here], fraction_here, signs_here, int(key) // 10, int(key) % 10)
        length, buffer = text.shape[1], text.tobytes()
        hashes = (hashlib.sha256(buffer[at : at + length]).digest() for at in range(0, len(buffer), length))
        out[here] = [int.from_bytes(digest, "big") % _MODULUS for digest in hashes]
    return out


def _printed_block(
    whole: NDArray[np.int64],
    fractions: tuple[NDArray[np.int64], NDArray[np.int64]],
    signs: tuple[NDArray[np.bool_], NDArray[np.int64]],
    width: int,
    decimals: int,
) -> NDArray[np.uint8]:
    """Printed rings (tiles, characters) of values (tiles, 4) with ``width`` characters before the decimal point.

    Each value is given as its integer part, its decimals and their significant count, its sign and its digit count.
    """
    (fraction, behind), (negative, before) = fractions, signs
    cells = np.full((*whole.shape, width + 1 + decimals), ord(" "), np.uint8)
    for place in range(width):
        character = np.where(place < before, ord("0") + whole // 10**place % 10, ord(" "))
        cells[..., width - 1 - place] = np.where(negative & (place == before), ord("-"), character)
    cells[..., width] = ord(".")
    for place in range(decimals):
        digit = ord("0") + fraction // 10 ** (_DECIMALS - 1 - place) % 10
        cells[..., width + 1 + place] = np.where(place < behind, digit, ord(" "))

    def repeated(text: str) -> NDArray[np.uint8]:
        return np.tile(np.frombuffer(text.encode(), np.uint8), (len(cells), 1))

    columns = [repeated("[[")]
    for number, (lon, lat) in enumerate(_RING):
        columns += [repeated("]\n [")] if number else []
        columns += [cells[:, lon], repeated(" "), cells[:, lat]]
    return np.concatenate([*columns, repeated("]]")], axis=1)


def hash_numbers(joined: bytes, count: int) -> NDArray[np.uint64] | None:
    """Numbers of ``count`` identifiers joined by spaces, None unless each has thirteen lower-case hexadecimal digits.

    Examples
    --------
    >>> hash_numbers(b"00000000000ff 1a1e77399c5bd", 2)
    array([            255, 459490425685437], dtype=uint64)
    """
    if len(joined) + 1 != max(count * (_DIGITS + 1), 1):
        return None
    characters = np.frombuffer(joined + b" ", np.uint8)[: count * (_DIGITS + 1)].reshape(count, _DIGITS + 1)
    digits = _HEXADECIMAL[characters[:, :_DIGITS]]
    if (digits < 0).any() or (characters[:, _DIGITS] != ord(" ")).any():
        return None
    out = np.zeros(count, np.uint64)
    for place in range(_DIGITS):
        out <<= np.uint64(4)
        out |= digits[:, place].astype(np.uint64)
    return out


def list_hash(identifiers: Iterable[str]) -> str:
    """Hash of a tile set: the hash of its identifiers in order, joined by spaces.

    Examples
    --------
    >>> list_hash(["1a1e77399c5bd", "344786096543e"])
    '37142462ec583'
    """
    hasher, names = ListHasher(), iter(identifiers)
    while block := list(islice(names, _BLOCK)):
        hasher.add(" ".join(block).encode())
    return hasher.text


class ListHasher:
    """Hash of a tile set whose identifiers come in blocks, each joined by spaces."""

    def __init__(self) -> None:
        self._hash, self._is_empty = hashlib.sha256(), True

    def add(self, joined: bytes) -> None:
        """Add a block of at least one identifier."""
        self._hash.update(joined if self._is_empty else b" " + joined)
        self._is_empty = False

    @property
    def text(self) -> str:
        """The hash so far."""
        return hash_text(int(self._hash.hexdigest(), 16) % _MODULUS)


def text_hash(text: str) -> str:
    """SHA-256 of a text modulo 10^15 as 13 hexadecimal digits."""
    return hash_text(int(hashlib.sha256(text.encode()).hexdigest(), 16) % _MODULUS)


def hash_text(number: int) -> str:
    """A number as 13 hexadecimal digits."""
    return f"{number:0{_DIGITS}x}"


def printed(table: Sequence[Sequence[float]]) -> str:
    """Text of a table of floats as printed by NumPy's defaults."""
    values = [value for line in table for value in line]
    cells = _scientific(values) if _needs_exponent(values) else _positional(values)
    width = len(table[0])
    lines = (" ".join(cells[start : start + width]) for start in range(0, len(cells), width))
    return "[" + "\n ".join(f"[{line}]" for line in lines) + "]"


def _needs_exponent(values: Sequence[float]) -> bool:
    sizes = [abs(value) for value in values if value != 0]
    return bool(sizes) and (max(sizes) >= 1e8 or min(sizes) < 1e-4 or max(sizes) / min(sizes) > 1000)


def _positional(values: Sequence[float]) -> list[str]:
    """Shortest decimals, points aligned; missing fractional digits are spaces, not zeros."""
    parts = [_decimal(value).split(".") for value in values]
    before = max(len(whole) for whole, _ in parts)
    behind = max(len(fraction) for _, fraction in parts)
    return [f"{whole:>{before}}.{fraction:<{behind}}" for whole, fraction in parts]


def _decimal(value: float) -> str:
    text = repr(value)
    # repr switches to an exponent below 1e-4, where five decimals still have one digit.
    text = f"{value:.5f}".rstrip("0") if "e" in text else text
    return text[:-1] if text.endswith(".0") else text


def _scientific(values: Sequence[float]) -> list[str]:
    """Scientific notation with as many digits as the longest value needs, and two-digit exponents."""
    texts = [_shortest_mantissa(value) for value in values]
    behind = max(len(text.lstrip("-")) - 2 for text in texts)
    cells = [f"{value:.{max(behind, 0)}e}" for value in values]
    cells = [cell if "." in cell else cell.replace("e", ".e") for cell in cells]
    width = max(len(cell) for cell in cells)
    return [f"{cell:>{width}}" for cell in cells]


def _shortest_mantissa(value: float) -> str:
    """Mantissa of the shortest decimal that parses to the same value, such as 1.234."""
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0") or "0"
    return f"{digits[0]}.{digits[1:]}"
