"""The date to whose grid all others are co-registered."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import numpy as np

#: Days and metres of perpendicular baseline that count alike.
_DAYS, _METRES = 180.0, 150.0


def choose_reference(
    baselines: Mapping[datetime.date, float], *, bursts: Mapping[datetime.date, int], precise: Sequence[datetime.date]
) -> datetime.date:
    """The date nearest to all others in time and baseline, among those with most bursts and a precise orbit.

    Parameters
    ----------
    baselines : mapping of datetime.date to float
        Perpendicular baseline of each date in metres, relative to any of them.
    bursts : mapping of datetime.date to int
        Number of bursts of each date.
    precise : sequence of datetime.date
        Dates with a precise orbit (POEORB); all others count only where there is none.

    Raises
    ------
    ValueError
        If there is no date.

    Notes
    -----
    180 days count as 150 m. Of equally near dates, the first.

    Examples
    --------
    >>> days = [datetime.date(2023, 3, day) for day in (1, 13, 25)]
    >>> baselines = dict(zip(days, (0.0, 40.0, 10.0)))
    >>> print(choose_reference(baselines, bursts=dict.fromkeys(days, 9), precise=days[1:]))
    2023-03-25
    """
    if not baselines:
        raise ValueError("baselines must hold a date, got none")
    most = max(bursts.values())
    whole = [date for date in sorted(baselines) if bursts[date] == most]
    candidates = [date for date in whole if date in precise] or whole
    places = {date: np.array([date.toordinal() / _DAYS, value / _METRES]) for date, value in baselines.items()}
    apart = [sum(float(np.linalg.norm(places[date] - place)) for place in places.values()) for date in candidates]
    return candidates[int(np.argmin(apart))]
