"""A picture of a network of pairs: arcs over time, or time against baseline."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.pictures.picture_format import require_picture_name
from m3leo_sar.stack.networks import connection
from m3leo_sar.stack.pairs import Pair

#: Height of the highest arc as a share of the range of baselines.
_BEND = 0.25
#: Largest number of dates that are written at the axis.
_LABELS = 24


def plot_network(
    path: str | os.PathLike[str],
    dates: Sequence[datetime.date],
    pairs: Sequence[Pair],
    *,
    baselines: Mapping[datetime.date, float] | None = None,
) -> None:
    """Draw dates as points and pairs as arcs, with one colour per connected component.

    The height of an arc grows with the days of the pair: no arc hides another, or ends behind the dot of a third date.

    Parameters
    ----------
    path : str or path
        Picture to write; its suffix selects the format.
    dates : sequence of datetime.date
        All dates, including those without a pair.
    pairs : sequence of Pair
        Pairs that connect the dates.
    baselines : mapping of datetime.date to float, optional
        Perpendicular baseline of each date in metres; if not given, all dates lie on one line.

    Raises
    ------
    ValueError
        If a pair has a date that is not among ``dates``, a date has no baseline, or the suffix names no format.
    """
    form = require_picture_name(path, "path")
    import matplotlib
    import matplotlib.dates

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = connection(dates, pairs)
    missing = [date for date in dates if baselines is not None and date not in baselines]
    if missing:
        raise ValueError(f"baselines must hold every date, {missing[0]} is missing")
    day = {date: matplotlib.dates.date2num(date) for date in dates}
    height = dict(baselines) if baselines else dict.fromkeys(dates, 0.0)
    colours = {date: f"C{number % 10}" for number, group in enumerate(found.components) for date in group}
    figure, axis = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    try:
        for pair, arc in zip(pairs, _arcs(pairs, day, height), strict=True):
            axis.plot(*arc, color=colours[pair.reference], linewidth=0.8, alpha=0.7)
        for date in dates:
            axis.plot([day[date]], [height[date]], "o", color=colours[date], markersize=5)
        groups = "connected" if found.is_connected else f"{len(found.components)} groups"
        axis.set_title(f"{len(pairs)} pairs of {len(dates)} dates, {groups}, loops: {found.loops}")
        if baselines:
            axis.set_ylabel("perpendicular baseline (m)")
        else:
            axis.yaxis.set_visible(False)
            axis.spines[["left", "right", "top"]].set_visible(False)
        written = sorted(dates)[:: -(-len(dates) // _LABELS)]
        axis.set_xticks(
            [day[date] for date in written], [date.isoformat() for date in written], rotation=40, ha="right"
        )
        with atomic_path(path) as partial:
            figure.savefig(partial, dpi=110, format=form)
    finally:
        pyplot.close(figure)


def _arcs(
    pairs: Sequence[Pair], day: Mapping[datetime.date, float], height: Mapping[datetime.date, float]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Places (x, y) along the parabola of each pair over the line between its two dates."""
    way = np.linspace(0, 1, 41)
    longest = max((abs(day[pair.secondary] - day[pair.reference]) for pair in pairs), default=0) or 1.0
    tallest = _BEND * (np.ptp(list(height.values())) or 1.0)
    arcs = []
    for pair in pairs:
        (x, y), (to_x, to_y) = ((day[date], height[date]) for date in (pair.reference, pair.secondary))
        bend = tallest * abs(to_x - x) / longest * 4 * way * (1 - way)
        arcs.append((x + (to_x - x) * way, y + (to_y - y) * way + bend))
    return arcs
