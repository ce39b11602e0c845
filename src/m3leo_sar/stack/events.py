"""Pairs before, across and after an event."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from m3leo_sar.stack.pairs import Pair, all_pairs, as_date, by_day


class Triplet(NamedTuple):
    """Pairs of one lag about an event; their coherence differs by the effect of the event, not by time alone."""

    #: Both dates before the event.
    before: Pair
    #: The reference before, the secondary after it.
    across: Pair
    #: Both dates after the event, or None if there are none yet.
    after: Pair | None


def event_triplets(
    dates: Iterable[datetime.date],
    *,
    start: datetime.date,
    end: datetime.date | None = None,
    tolerance_days: int = 0,
) -> list[Triplet]:
    """Find, for each pair across an event, the nearest pairs of its lag before and after.

    Parameters
    ----------
    dates : iterable of datetime.date
        Acquisition dates, or times of passing; lags then count between these.
    start, end : datetime.date
        First and last possible day of the event; by default one day. An acquisition on one of these days may show it
        or not, and is not used.
    tolerance_days : int
        Largest difference of the lags of a triplet, at least 0.

    Returns
    -------
    list of Triplet
        The shortest lag first, then the pair nearest to the event; empty if no pair crosses it, or none of its lag
        lies before.

    Raises
    ------
    TypeError
        If a date is no date.
    ValueError
        If the event ends before it starts or the tolerance is below 0.

    Examples
    --------
    >>> import datetime
    >>> dates = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * index) for index in range(5)]
    >>> for triplet in event_triplets(dates, start=datetime.date(2023, 1, 30)):
    ...     print(*triplet)
    20230113_20230125 20230125_20230206 20230206_20230218
    20230101_20230125 20230125_20230218 None
    20230101_20230125 20230113_20230206 None
    """
    return triplets_of(all_pairs(by_day(dates).values()), start=start, end=end, tolerance_days=tolerance_days)


def triplets_of(
    pairs: Iterable[Pair], *, start: datetime.date, end: datetime.date | None = None, tolerance_days: int = 0
) -> list[Triplet]:
    """The triplets of :func:`event_triplets` among given pairs, such as those of an archive.

    Raises
    ------
    TypeError, ValueError
        As :func:`event_triplets`.
    """
    first, last = as_date(start, "start"), as_date(end or start, "end")
    if last < first:
        raise ValueError(f"end must not lie before start, got {last} before {first}")
    if tolerance_days < 0:
        raise ValueError(f"tolerance_days must be at least 0, got {tolerance_days}")
    pairs = sorted(pairs)
    before = [pair for pair in pairs if pair.secondary < first]
    across = [pair for pair in pairs if pair.reference < first and pair.secondary > last]
    after = [pair for pair in pairs if pair.reference > last]

    def alike(pair: Pair, wanted: Pair) -> bool:
        return abs(pair.days - wanted.days) <= tolerance_days

    found = []
    for pair in sorted(across, key=lambda pair: (pair.days, abs((pair.reference - first).days))):
        earlier = [other for other in before if alike(other, pair)]
        later = [other for other in after if alike(other, pair)]
        if earlier:
            nearest = max(earlier, key=lambda other: (other.secondary, other.reference))
            found.append(Triplet(nearest, pair, min(later, default=None)))
    return found
