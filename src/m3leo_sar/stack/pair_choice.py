"""The pairs in a call, in any notation of a pair."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.stack.pairs import Pair, as_date, parse_date, require_date

#: Notations of a pair, for messages.
WAYS = "a Pair, 'YYYYMMDD_YYYYMMDD', two dates or two indices"


class PairChoice(NamedTuple):
    """Pairs as positions of their two dates."""

    #: (reference, secondary) positions along the first axis of the stack.
    indices: list[tuple[int, int]]
    #: ``YYYYMMDD_YYYYMMDD`` of each pair; ``reference_secondary`` positions if the dates are unknown.
    labels: list[str]
    #: Whether a single pair, not a list, was given, so that its result has no axis of pairs.
    single: bool


def chosen_pairs(pairs: Any, *, count: int, dates: Sequence[datetime.date] | None = None) -> PairChoice:
    """Find the pairs that ``pairs`` names among the dates of a stack.

    Parameters
    ----------
    pairs : Pair, str, two dates, two indices, or a sequence of these
        One pair, or several in any order, repeats allowed. A date is a ``datetime.date``, a ``numpy.datetime64`` or
        text that :func:`m3leo_sar.stack.pairs.parse_date` reads; an index counts from 0. Two equal indices, or dates,
        pair an image with itself, whose coherence is 1 and whose interferogram is its power; a ``Pair`` has two
        different dates.
    count : int
        Dates of the stack.
    dates : sequence of datetime.date, optional
        The dates, if they are known. Without them only indices name a pair.

    Raises
    ------
    TypeError
        If an item is no pair, or names dates of a stack without known dates.
    ValueError
        If there is none, a date is not in the stack or occurs twice, or an index does not exist.

    Examples
    --------
    >>> dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    >>> chosen_pairs("20230301_20230313", count=2, dates=dates)
    PairChoice(indices=[(0, 1)], labels=['20230301_20230313'], single=True)
    >>> chosen_pairs([("2023-03-13", "2023-03-01"), (0, 1)], count=2, dates=dates).indices
    [(1, 0), (0, 1)]
    """
    single = is_pair(pairs)
    items = [pairs] if single else _listed(pairs)
    if not items:
        raise ValueError("pairs must hold at least one pair, got none")
    indices = [_positions(item, count, dates) for item in items]
    return PairChoice(indices, [_label(pair, dates) for pair in indices], single)


def is_pair(value: Any) -> bool:
    """Whether a value names one pair rather than several."""
    if isinstance(value, str) or _has_ends(value):
        return True
    ends = _listed(value) if hasattr(value, "__len__") else ()
    return len(ends) == 2 and all(_is_end(end) for end in ends)


def _has_ends(value: Any) -> bool:
    """Whether a value is a Pair or the like; an xarray array has a coordinate of that name as an attribute."""
    return hasattr(value, "reference") and not hasattr(value, "dtype")


def _is_end(value: Any) -> bool:
    if isinstance(value, str):
        try:
            parse_date(value)
        except ValueError:
            return False
        return True
    return isinstance(value, (int, np.integer, datetime.date, np.datetime64))


def _listed(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise TypeError(f"pairs must be {WAYS}, or a sequence of these, got {value!r}")
    # Arrays, such as the labels of an earlier result, are converted to their scalars.
    return list(np.asarray(value)) if hasattr(value, "dtype") else list(value)


def _positions(item: Any, count: int, dates: Sequence[datetime.date] | None) -> tuple[int, int]:
    if _has_ends(item):
        ends: Sequence[Any] = (item.reference, item.secondary)
    elif isinstance(item, str):
        ends = _parsed(item)
    else:
        ends = _listed(item) if hasattr(item, "__iter__") else ()
        if len(ends) != 2 or not all(_is_end(end) for end in ends):
            raise TypeError(f"pairs must be {WAYS}, got {item!r}")
    first, second = (_position(end, item, count, dates) for end in ends)
    return first, second


def _parsed(text: str) -> tuple[Any, Any]:
    # The label of a pair without dates, as in results.
    places = re.fullmatch(r"(\d{1,7})_(\d{1,7})", text)
    if places:
        return int(places[1]), int(places[2])
    try:
        pair = Pair.parse(text)
    except ValueError as error:
        raise ValueError(f"pairs must be {WAYS}, got {text!r}: {error}") from error
    return pair.reference, pair.secondary


def _position(end: Any, item: Any, count: int, dates: Sequence[datetime.date] | None) -> int:
    if isinstance(end, (int, np.integer)) and not isinstance(end, (bool, np.bool_)):
        index = operator.index(end)
        if not 0 <= index < count:
            raise ValueError(f"pairs must index the {count} dates, 0 to {count - 1}, got {index} in {_shown(item)}")
        return index
    if dates is None:
        raise TypeError(
            f"pairs of an array without dates must be (reference, secondary) indices, got {_shown(item)}; an SlcStack, "
            "or an xarray with a coordinate of dates, knows its dates"
        )
    date = _date(end)
    require_date(date, dates)
    if list(dates).count(date) > 1:
        raise ValueError(f"pairs must name dates that occur once, got {date}, which occurs twice; give indices")
    return list(dates).index(date)


def _date(end: Any) -> datetime.date:
    if isinstance(end, str):
        return parse_date(end)
    if isinstance(end, np.datetime64):
        end = end.astype("datetime64[D]").item()
    return as_date(end, "pairs")


def _shown(item: Any) -> str:
    return str(item) if _has_ends(item) else repr(item)


def _label(pair: tuple[int, int], dates: Sequence[datetime.date] | None) -> str:
    if dates is None:
        return f"{pair[0]}_{pair[1]}"
    return "_".join(f"{dates[index]:%Y%m%d}" for index in pair)
