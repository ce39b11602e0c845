"""The words of a request: pair, window, layer, polarisation, each refused with one sentence."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any

from m3leo_sar.grid.window import Window
from m3leo_sar.stack.pair_choice import chosen_pairs
from m3leo_sar.stack.pairs import Pair, require_date
from m3leo_sar.view.pair_map import LAYERS

#: Most rows, and columns, of a window.
LARGEST_SIDE = 255


def pair_among(wanted: Any, passings: Sequence[datetime.date]) -> Pair:
    """A pair of the dates of a stack, in any notation; the order of its dates is kept.

    Parameters
    ----------
    wanted : Pair, str, two dates or two indices
        A text may also join its dates with a comma.
    passings : sequence of datetime.date
        Dates, or times of passing.

    Raises
    ------
    TypeError, ValueError
        If it is not a pair.
    KeyError
        If a date is not in the stack.

    Examples
    --------
    >>> pair_among("2023-03-01,2023-03-13", [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]).days
    12
    """
    if isinstance(wanted, str):
        wanted = Pair.parse(wanted.replace(",", "_", 1))
    if isinstance(wanted, Pair):
        for date in (wanted.reference, wanted.secondary):
            try:
                require_date(date, [_day(passing) for passing in passings])
            except ValueError as error:
                raise KeyError(str(error)) from error
    days = [_day(passing) for passing in passings]
    first, second = chosen_pairs(wanted, count=len(days), dates=days).indices[0]
    return Pair(passings[first], passings[second])


def _day(passing: datetime.date) -> datetime.date:
    return passing.date() if isinstance(passing, datetime.datetime) else passing


def window_from(text: str) -> Window:
    """Window of a text ``ROWSxCOLS`` in samples.

    Raises
    ------
    ValueError
        If it is another text, or a side is below 1 or above :data:`LARGEST_SIDE`.

    Examples
    --------
    >>> window_from("5x20").cols
    20
    """
    sides = re.fullmatch(r"([0-9]{1,7})x([0-9]{1,7})", text, re.ASCII)
    if sides is None:
        raise ValueError(f"window must read ROWSxCOLS in samples, such as 5x20, got {text[:40]!r}")
    return checked_window(int(sides[1]), int(sides[2]))


def checked_window(rows: int, cols: int, largest: Window | None = None) -> Window:
    """A window within the limits.

    Raises
    ------
    ValueError
        If a side is below 1, above :data:`LARGEST_SIDE`, or above that of ``largest``.
    """
    most = (LARGEST_SIDE, LARGEST_SIDE) if largest is None else (largest.rows, largest.cols)
    if not (1 <= rows <= most[0] and 1 <= cols <= most[1]):
        raise ValueError(f"window must have 1x1 to {most[0]}x{most[1]} samples, got {rows}x{cols}")
    return Window(rows=rows, cols=cols)


def checked_layer(layer: str) -> str:
    """A known layer.

    Raises
    ------
    KeyError
        If it is another.
    """
    if layer not in LAYERS:
        raise KeyError(f"layer must be one of {', '.join(LAYERS)}, got {layer[:40]!r}")
    return layer
