"""Ranges of bytes that one request reads at once."""

from __future__ import annotations

from collections.abc import Iterable

#: First and one past the last byte.
ByteRange = tuple[int, int]

#: Unneeded bytes between two ranges that are read rather than asked for apart.
GAP = 64 << 10
#: Most bytes of one request: parts of a larger range are read at the same time.
LARGEST = 8 << 20
#: Number of requests from which larger gaps are read.
_MANY = 64
_WIDEST_GAP = 4 << 20


def coalesced(
    ranges: Iterable[ByteRange], *, gap: int = GAP, largest: int = LARGEST, many: int = _MANY
) -> list[ByteRange]:
    """Fewer ranges that hold all of ``ranges``, in order.

    Parameters
    ----------
    ranges : iterable of (int, int)
        In any order; they may touch or overlap. Empty ones are left out.
    gap : int
        Most bytes between two ranges that are read as one; more if there would be over ``many``.
    largest : int
        Most bytes of a range.
    many : int
        Number of ranges from which larger gaps are read too.

    Examples
    --------
    >>> coalesced([(300, 400), (0, 100), (110, 200)], gap=10)
    [(0, 200), (300, 400)]
    """
    wanted = sorted(one for one in ranges if one[1] > one[0])
    found = _merged(wanted, gap)
    while len(found) > many and gap < _WIDEST_GAP:
        gap = max(1, gap) * 4
        found = _merged(wanted, gap)
    return [part for one in found for part in _split(one, largest)]


def _merged(wanted: list[ByteRange], gap: int) -> list[ByteRange]:
    found: list[ByteRange] = []
    for start, stop in wanted:
        if found and start - found[-1][1] <= gap:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def _split(one: ByteRange, largest: int) -> list[ByteRange]:
    """Parts of equal size, none of more than ``largest`` bytes."""
    start, stop = one
    count = -(-(stop - start) // largest)
    step = -(-(stop - start) // count)
    return [(first, min(first + step, stop)) for first in range(start, stop, step)]
