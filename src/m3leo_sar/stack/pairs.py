"""Date pairs and the rules that choose them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

#: Meteorological season of each month; December belongs to the winter that follows it.
_SEASONS = ("winter", "spring", "summer", "fall")
#: Names of months in dates such as 01Mar2023, whatever the language of the machine.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Notations of a date inside a pair.
_WRITTEN = r"\d{8}|\d{4}-\d{2}-\d{2}|\d{4}_\d{2}_\d{2}|\d{2}[A-Za-z]{3}\d{4}"


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """Two acquisition dates: interferogram = reference x conj(secondary).

    Parameters
    ----------
    reference, secondary : datetime.date
        Two different dates; the rules of this module put the earlier first. Of two ``datetime``, the days are kept, and
        ``days`` counts from time to time: the passes of a track at midnight UTC may be a second before or after it.
    span : int, optional
        Whole days between the two passes, if known and different from that of the dates. It does not affect whether
        two pairs are equal.

    Raises
    ------
    TypeError
        If one is no date.
    ValueError
        If both are the same day.

    Examples
    --------
    >>> pair = Pair.parse("20230319_20230331")
    >>> pair.days
    12
    >>> str(pair.swapped())
    '20230331_20230319'
    >>> import datetime
    >>> Pair(datetime.datetime(2022, 12, 14, 0, 0, 0), datetime.datetime(2022, 12, 25, 23, 59, 59)).days
    12
    """

    reference: datetime.date
    secondary: datetime.date
    span: int | None = field(default=None, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        moments = self.reference, self.secondary
        if self.span is None and all(isinstance(moment, datetime.datetime) for moment in moments):
            object.__setattr__(self, "span", span_of(*moments))
        for name in ("reference", "secondary"):
            object.__setattr__(self, name, as_date(getattr(self, name), name))
        if self.reference == self.secondary:
            raise ValueError(f"a pair needs two different dates, got {self.reference} twice")

    @classmethod
    def parse(cls, text: str) -> Pair:
        """Read two dates, as :func:`parse_date` does, joined by ``_`` or ``/``: ``YYYYMMDD_YYYYMMDD``."""
        parts = re.fullmatch(rf"({_WRITTEN})[_/]({_WRITTEN})", text.strip(), re.ASCII)
        dates = list(parts.groups()) if parts else re.split(r"[_/]", text.strip())
        if len(dates) != 2:
            raise ValueError(f"pair must read YYYYMMDD_YYYYMMDD, got {text!r}")
        return cls(parse_date(dates[0]), parse_date(dates[1]))

    @property
    def days(self) -> int:
        """Days from reference to secondary, negative when the secondary is earlier."""
        return (self.secondary - self.reference).days if self.span is None else self.span

    def swapped(self) -> Pair:
        """The pair with its dates exchanged: its interferogram is the conjugate."""
        return Pair(self.secondary, self.reference, span=None if self.span is None else -self.span)

    def __str__(self) -> str:
        return f"{self.reference:%Y%m%d}_{self.secondary:%Y%m%d}"


def span_of(earlier: datetime.date, later: datetime.date) -> int:
    """Whole days from one passing to another: between times where both are known, between days otherwise."""
    if isinstance(earlier, datetime.datetime) and isinstance(later, datetime.datetime):
        return round((later - earlier) / datetime.timedelta(days=1))
    return (as_date(later, "later") - as_date(earlier, "earlier")).days


def parse_date(text: str) -> datetime.date:
    """Read ``YYYYMMDD``, ``YYYY-MM-DD``, ``YYYY_MM_DD`` or ``DDMonYYYY``.

    Raises
    ------
    ValueError
        If the text is none of these, or no day of the calendar.

    Examples
    --------
    >>> parse_date("2023-03-01") == parse_date("2023_03_01") == parse_date("01Mar2023")
    True
    """
    written = re.fullmatch(r"(\d{4})([-_]?)(\d{2})\2(\d{2})", text.strip(), re.ASCII)
    named = re.fullmatch(r"(\d{2})([A-Za-z]{3})(\d{4})", text.strip(), re.ASCII)
    if written:
        year, month, day = int(written[1]), int(written[3]), int(written[4])
    elif named and named[2].title() in MONTHS:
        year, month, day = int(named[3]), MONTHS.index(named[2].title()) + 1, int(named[1])
    else:
        raise ValueError(f"a date must read YYYYMMDD, YYYY-MM-DD, YYYY_MM_DD or 01Mar2023, got {text!r}")
    try:
        return datetime.date(year, month, day)
    except ValueError as error:
        raise ValueError(f"a date must be a day of the calendar, got {text!r}") from error


def as_date(value: object, name: str) -> datetime.date:
    """The day of a date or datetime; anything else is a TypeError that names ``name``."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    raise TypeError(f"{name} must be a datetime.date, got {value!r}")


def by_day(dates: Iterable[datetime.date]) -> dict[datetime.date, datetime.date]:
    """Day to its time of passing, or to itself where only days are known, in order.

    Raises
    ------
    TypeError
        If one is no date.
    ValueError
        If there are two times of one day.
    """
    ordered = sorted(set(dates))
    found = {as_date(date, "dates"): date for date in ordered}
    if len(found) < len(ordered):
        raise ValueError(f"dates must hold one time per day, got {len(ordered)} times of {len(found)} days")
    return found


def season_of(date: datetime.date) -> str:
    """Season of a date: ``winter`` (Dec-Feb), ``spring`` (Mar-May), ``summer`` (Jun-Aug) or ``fall`` (Sep-Nov).

    Examples
    --------
    >>> import datetime
    >>> season_of(datetime.date(2023, 12, 3))
    'winter'
    """
    return _SEASONS[date.month % 12 // 3]


def all_pairs(dates: Iterable[datetime.date], *, max_days: int | None = None, min_days: int = 1) -> list[Pair]:
    """Every pair of two dates at least ``min_days`` and at most ``max_days`` apart, sorted.

    Here and in the other rules, dates may be ``datetime``, the times of passing; days then count between these.

    Examples
    --------
    >>> import datetime
    >>> dates = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * i) for i in range(4)]
    >>> len(all_pairs(dates)), len(all_pairs(dates, max_days=12))
    (6, 3)
    """
    pairs = [Pair(first, second) for first, second in combinations(sorted(set(dates)), 2)]
    return [pair for pair in pairs if min_days <= pair.days and (max_days is None or pair.days <= max_days)]


def sequential_pairs(dates: Iterable[datetime.date], *, neighbours: int = 1) -> list[Pair]:
    """Each date with its next ``neighbours`` dates, sorted.

    Raises
    ------
    ValueError
        If ``neighbours`` is below 1.
    """
    if neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, got {neighbours}")
    ordered = sorted(set(dates))
    return [
        Pair(first, second)
        for index, first in enumerate(ordered)
        for second in ordered[index + 1 : index + 1 + neighbours]
    ]


def pairs_by_days(
    dates: Iterable[datetime.date], *, days: Sequence[int] = (12, 24, 36, 48), season: str | None = None
) -> list[Pair]:
    """Pairs exactly one of ``days`` apart, and of one season if one is named.

    A pair belongs to the season of its middle day, as a 48-day pair may touch three.

    Raises
    ------
    ValueError
        If no days are given, one is below 1, or the season is unknown.

    Examples
    --------
    >>> import datetime
    >>> dates = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * i) for i in range(5)]
    >>> [str(pair) for pair in pairs_by_days(dates, days=(48,))]
    ['20230101_20230218']
    """
    if not days or min(days) < 1:
        raise ValueError(f"days must be one or more numbers of at least 1, got {tuple(days)}")
    wanted = [pair for pair in all_pairs(dates) if pair.days in set(days)]
    return wanted if season is None else of_season(wanted, season)


def of_season(pairs: Iterable[Pair], season: str) -> list[Pair]:
    """Those pairs whose middle day lies in a season.

    Raises
    ------
    ValueError
        If the season is unknown.

    Examples
    --------
    >>> import datetime
    >>> dates = [datetime.date(2023, 2, 1) + datetime.timedelta(days=24 * i) for i in range(3)]
    >>> [str(pair) for pair in of_season(sequential_pairs(dates), "spring")]
    ['20230225_20230321']
    """
    if season not in _SEASONS:
        raise ValueError(f"season must be one of {', '.join(_SEASONS)}, got {season!r}")
    return [pair for pair in pairs if season_of(_middle(pair)) == season]


def explicit_pairs(dates: Iterable[datetime.date], wanted: Iterable[Pair | str]) -> list[Pair]:
    """The pairs that are named, sorted and without repeats, once all their dates exist.

    Raises
    ------
    ValueError
        If no pair is named, or a date is not among ``dates``; the message names it and the nearest existing ones.
    """
    pairs = sorted({Pair.parse(item) if isinstance(item, str) else item for item in wanted})
    if not pairs:
        raise ValueError("pairs must name at least one pair, got none")
    passing = by_day(dates)
    available = list(passing)
    for pair in pairs:
        for date in (pair.reference, pair.secondary):
            require_date(date, available)
    return [Pair(passing[pair.reference], passing[pair.secondary]) for pair in pairs]


def require_date(date: datetime.date, available: Sequence[datetime.date]) -> None:
    """Refuse a date that the stack does not hold; the message names the nearest dates.

    Raises
    ------
    ValueError
        If ``date`` is not in ``available``.
    """
    if date in available:
        return
    nearest = sorted(sorted(available, key=lambda other: abs((other - date).days))[:3])
    raise ValueError(
        f"date {date} is not in the stack of {len(available)} dates; "
        f"nearest: {', '.join(str(other) for other in nearest) or 'none'}"
    )


def _middle(pair: Pair) -> datetime.date:
    return pair.reference + (pair.secondary - pair.reference) / 2
