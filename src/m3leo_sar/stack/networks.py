"""Networks of pairs (small baseline, minimum spanning tree, Delaunay), and whether they connect all dates.

Dates may be ``datetime``, the times of passing, in every rule and as the keys of baselines; days count between these.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from m3leo_sar.stack.pairs import Pair, all_pairs, as_date, by_day, require_date

Baselines = Mapping[datetime.date, float]


class Connection(NamedTuple):
    """Connectivity of a network of pairs.

    Parameters
    ----------
    components : tuple of tuples of datetime.date
        Dates that are connected by pairs, the largest group first; a date of no pair is a group of its own.
    loops : int
        Independent closed loops: pairs - dates + components.
    """

    components: tuple[tuple[datetime.date, ...], ...]
    loops: int

    @property
    def is_connected(self) -> bool:
        """Whether there is one group only."""
        return len(self.components) == 1


def connection(dates: Iterable[datetime.date], pairs: Iterable[Pair]) -> Connection:
    """Find the groups of dates that pairs connect, and the number of loops.

    Raises
    ------
    ValueError
        If a pair has a date that is not among ``dates``.

    Examples
    --------
    >>> days = [datetime.date(2023, 1, day) for day in (1, 13, 25)]
    >>> connection(days, [Pair(days[0], days[1])]).is_connected, connection(days, all_pairs(days)).loops
    (False, 1)
    """
    ordered, edges = list(by_day(dates)), sorted(set(pairs))
    for pair in edges:
        for date in (pair.reference, pair.secondary):
            require_date(date, ordered)
    group = {date: [date] for date in ordered}
    for pair in edges:
        one, other = group[pair.reference], group[pair.secondary]
        if one is not other:
            # The smaller group joins the larger, so that no date moves often.
            small, large = sorted((one, other), key=len)
            large += small
            group |= dict.fromkeys(small, large)
    members = {id(dates): sorted(dates) for dates in group.values()}
    components = tuple(sorted((tuple(part) for part in members.values()), key=lambda part: (-len(part), part)))
    return Connection(components, len(edges) - len(ordered) + len(components))


def star_pairs(dates: Iterable[datetime.date], *, reference: datetime.date) -> list[Pair]:
    """Every date with one reference, each pair with its earlier date first, sorted.

    Raises
    ------
    ValueError
        If the reference is not among the dates.
    """
    passing, day = by_day(dates), as_date(reference, "reference")
    require_date(day, list(passing))
    central = passing.pop(day)
    return sorted(Pair(min(date, central), max(date, central)) for date in passing.values())


def hierarchical_pairs(dates: Iterable[datetime.date], *, levels: int) -> list[Pair]:
    """Neighbours, then neighbours among every second date, every fourth, ... sorted.

    Parameters
    ----------
    dates : iterable of datetime.date
        In any order.
    levels : int
        Number of levels, at least 1; level k connects dates 2^k apart in the list, beginning at multiples of 2^k.

    Raises
    ------
    ValueError
        If ``levels`` is below 1.

    Examples
    --------
    >>> days = [datetime.date(2023, 1, day) for day in range(1, 10)]
    >>> [len(hierarchical_pairs(days, levels=k)) for k in (1, 2, 3, 4)]
    [8, 12, 14, 15]
    """
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    ordered = sorted(set(dates))
    steps = (2**level for level in range(levels))
    return sorted(
        Pair(ordered[first], ordered[first + step]) for step in steps for first in range(0, len(ordered) - step, step)
    )


def annual_pairs(dates: Iterable[datetime.date], *, years: Sequence[int] = (1,), tolerance: int = 15) -> list[Pair]:
    """Pairs of the same time of year: whole years apart within a tolerance in days, sorted.

    Raises
    ------
    ValueError
        If a number of years is below 1 or the tolerance is negative.
    """
    if not years or min(years) < 1 or tolerance < 0:
        raise ValueError(f"years must be at least 1 and tolerance at least 0, got {tuple(years)} and {tolerance}")
    return [pair for pair in all_pairs(dates) if any(abs(pair.days - 365.2425 * count) <= tolerance for count in years)]


def pairs_within_baseline(pairs: Iterable[Pair], baselines: Baselines, *, most: float) -> list[Pair]:
    """Pairs whose perpendicular baselines differ by at most ``most`` metres, in their order.

    Parameters
    ----------
    pairs : iterable of Pair
        The pairs to choose from.
    baselines : mapping of datetime.date to float
        Perpendicular baseline of each date against one reference in metres (:func:`m3leo_sar.stack.baseline.baseline`).
    most : float
        Metres.

    Raises
    ------
    ValueError
        If a date has no baseline.
    """
    by_date = _by_date(baselines)
    return [pair for pair in pairs if abs(_apart(pair, by_date)) <= most]


def delaunay_pairs(
    baselines: Baselines, *, days: float = 100.0, metres: float = 100.0, max_days: int | None = None
) -> list[Pair]:
    """Edges of the Delaunay triangulation of dates by time and perpendicular baseline, sorted.

    Parameters
    ----------
    baselines : mapping of datetime.date to float
        Perpendicular baseline of each date in metres.
    days, metres : float
        Equal distances on the two axes.
    max_days : int, optional
        Longest pair to keep.

    Raises
    ------
    ValueError
        If there are fewer than three dates.

    References
    ----------
    Pepe and Lanari, 2006, IEEE TGRS 44(9), 2374-2383.
    """
    from scipy.spatial import Delaunay, QhullError

    ordered = list(by_day(baselines).values())
    if len(ordered) < 3:
        raise ValueError(f"baselines must hold at least three dates, got {len(ordered)}")
    day = datetime.timedelta(days=1)
    points = np.array([[(date - ordered[0]) / day / days, baselines[date] / metres] for date in ordered])
    try:
        corners = Delaunay(points).simplices
    except QhullError:
        # All on a line, such as with equal baselines: only neighbours remain of the triangles.
        corners = np.array([[first, first + 1, first] for first in range(len(ordered) - 1)])
    edges = {
        tuple(sorted(map(int, edge))) for a, b, c in corners for edge in ((a, b), (b, c), (a, c)) if edge[0] != edge[1]
    }
    pairs = sorted(Pair(ordered[first], ordered[second]) for first, second in edges)
    return [pair for pair in pairs if max_days is None or pair.days <= max_days]


def spanning_pairs(
    dates: Iterable[datetime.date],
    *,
    baselines: Baselines | None = None,
    days: float = 100.0,
    metres: float = 100.0,
    weight: Callable[[Pair], float] | None = None,
) -> list[Pair]:
    """Fewest pairs that connect all dates, of the least total weight (a minimum spanning tree), sorted.

    Parameters
    ----------
    dates : iterable of datetime.date
        At least two.
    baselines : mapping of datetime.date to float, optional
        Perpendicular baseline of each date in metres.
    days, metres : float
        The weight of a pair is its days / ``days`` + the metres its baselines differ by / ``metres``.
    weight : callable, optional
        Weight of a pair instead, such as its expected decorrelation.

    Raises
    ------
    ValueError
        If there are fewer than two dates, or one has no baseline.

    References
    ----------
    Kruskal, 1956, Proceedings of the American Mathematical Society 7(1), 48-50.

    Examples
    --------
    >>> days = [datetime.date(2023, 1, day) for day in (1, 13, 25)]
    >>> [str(pair) for pair in spanning_pairs(days, baselines=dict(zip(days, (0, 500, 10))))]
    ['20230101_20230125', '20230113_20230125']
    """
    passing, by_date = by_day(dates), None if baselines is None else _by_date(baselines)
    if len(passing) < 2:
        raise ValueError(f"dates must hold at least two, got {len(passing)}")

    def cost(pair: Pair) -> float:
        if weight is not None:
            return weight(pair)
        return pair.days / days + (abs(_apart(pair, by_date)) / metres if by_date is not None else 0.0)

    group = {date: {date} for date in passing}
    tree = []
    for pair in sorted(all_pairs(passing.values()), key=lambda pair: (cost(pair), pair)):
        one, other = group[pair.reference], group[pair.secondary]
        if one is other:
            continue
        one |= other
        for date in other:
            group[date] = one
        tree.append(pair)
    return sorted(tree)


def _by_date(baselines: Baselines) -> Baselines:
    return {as_date(date, "baselines"): metres for date, metres in baselines.items()}


def _apart(pair: Pair, baselines: Baselines) -> float:
    for date in (pair.reference, pair.secondary):
        if date not in baselines:
            raise ValueError(f"baselines must hold every date, {date} is missing")
    return baselines[pair.secondary] - baselines[pair.reference]
