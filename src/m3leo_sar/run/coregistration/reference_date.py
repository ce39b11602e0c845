"""The date to whose grid all others are co-registered."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.run.coregistration.burst_choice import Pass
from m3leo_sar.run.coregistration.pass_orbits import PRECISE, PassOrbit
from m3leo_sar.run.coregistration.pixel_faults import pixel_faults

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


def reference_of(
    passes: Mapping[datetime.date, Pass],
    orbits: Mapping[datetime.date, PassOrbit],
    baselines: Mapping[datetime.date, float],
    *,
    asked: datetime.date | None,
    written: datetime.date | None,
    folder: Path,
) -> tuple[datetime.date, list[str]]:
    """The reference of a plan, and sentences on dates that were passed over as their pixels are damaged.

    Parameters
    ----------
    passes : mapping of datetime.date to mapping
        Bursts of each date.
    orbits : mapping of datetime.date to PassOrbit
    baselines : mapping of datetime.date to float
        Perpendicular baseline of each date, metres.
    asked : datetime.date, optional
        The date that a caller asks for.
    written : datetime.date, optional
        Reference of the stacks that are there.
    folder : Path
        Theirs.

    Raises
    ------
    ValueError
        If the date asked for is another than that of the stacks, is no date of the products, or lacks a burst.
    """
    if written is not None:
        if asked not in (None, written):
            raise ValueError(
                f"reference must be {written}, to which the stacks in {folder} are co-registered, got {asked}; another "
                "reference needs another folder"
            )
        return written, []
    if asked is not None:
        if asked not in passes:
            raise ValueError(f"reference must be a date of the products, {', '.join(map(str, passes))}, got {asked}")
        lacking = sorted({one for bursts in passes.values() for one in bursts} - set(passes[asked]))
        if lacking:
            raise ValueError(
                f"reference must have every burst, {asked} lacks {', '.join(map(str, lacking[:4]))}; choose another "
                "date, or the bursts by burst= or aoi="
            )
        return asked, []
    return _sound_reference(passes, orbits, baselines)


def _sound_reference(
    passes: Mapping[datetime.date, Pass],
    orbits: Mapping[datetime.date, PassOrbit],
    baselines: Mapping[datetime.date, float],
) -> tuple[datetime.date, list[str]]:
    """The best reference whose measurements are whole; the best one if none are, with the reasons."""
    precise = [date for date, orbit in orbits.items() if orbit.kind == PRECISE]
    counts, remarks = {date: len(some) for date, some in passes.items()}, []
    first = choose_reference(baselines, bursts=counts, precise=precise)
    left, chosen = dict(baselines), first
    while fault := next(pixel_faults(_bursts(passes[chosen])), None):
        remarks.append(f"{chosen} is not taken as the reference: {fault[1]}")
        del left[chosen]
        if not left:
            return first, []
        chosen = choose_reference(left, bursts={date: counts[date] for date in left}, precise=precise)
    return chosen, remarks


def _bursts(bursts: Pass) -> list[Any]:
    return [image for images in bursts.values() for image in images.values()]
