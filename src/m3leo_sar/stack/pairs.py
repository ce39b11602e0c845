"""Date pairs and the rules that choose them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

#: Meteorological season of each month; December belongs to the winter that follows it.
_SEASONS = ("winter", "spring", "summer", "fall")


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """Two acquisition dates: interferogram = reference x conj(secondary).

    Parameters
    ----------
    reference, secondary : datetime.date
        Two different dates; the rules of this module put the earlier first.

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
    """

    reference: datetime.date
    secondary: datetime.date

    def __post_init__(self) -> None:
        for name in ("reference", "secondary"):
            object.__setattr__(self, name, as_date(getattr(self, name), name))
        if self.reference == self.secondary:
            raise ValueError(f"a pair needs two different dates, got {self.reference} twice")

    @classmethod
    def parse(cls, text: str) -> Pair:
        """Read ``YYYYMMDD_YYYYMMDD`` or two ISO dates joined by ``_`` or ``/``."""
        parts = re.split(r"[_/]", text.strip())
        if len(parts) != 2:
            raise ValueError(f"a pair must read YYYYMMDD_YYYYMMDD, got {text!r}")
        return cls(parse_date(parts[0]), parse_date(parts[1]))

    @property
    def days(self) -> int:
        """Days from reference to secondary, negative when the secondary is earlier."""
        return (self.secondary - self.reference).days

    def swapped(self) -> Pair:
        """The pair with its dates exchanged: its interferogram is the conjugate."""
        return Pair(self.secondary, self.reference)

    def __str__(self) -> str:
        return f"{self.reference:%Y%m%d}_{self.secondary:%Y%m%d}"


def parse_date(text: str) -> datetime.date:
    """Read ``YYYYMMDD`` or ``YYYY-MM-DD``.

    Raises
    ------
    ValueError
        If the text is neither, or no day of the calendar.
    """
    digits = text.strip().replace("-", "")
    if not re.fullmatch(r"\d{8}", digits):
        raise ValueError(f"a date must read YYYYMMDD or YYYY-MM-DD, got {text!r}")
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError as error:
        raise ValueError(f"a date must be a day of the calendar, got {text!r}") from error


def as_date(value: object, name: str) -> datetime.date:
    """The day of a date or datetime; anything else is a TypeError that names ``name``."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    raise TypeError(f"{name} must be a datetime.date, got {value!r}")


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
        If no pair is named, or a date is not among ``dates``; the message names it and the nearest that exist.
    """
    pairs = sorted({Pair.parse(item) if isinstance(item, str) else item for item in wanted})
    if not pairs:
        raise ValueError("pairs must name at least one pair, got none")
    available = sorted(set(dates))
    for pair in pairs:
        for date in (pair.reference, pair.secondary):
            require_date(date, available)
    return pairs


def require_date(date: datetime.date, available: Sequence[datetime.date]) -> None:
    """Refuse a date that the stack does not hold, naming the nearest ones it does.

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
