"""A picture of a network of pairs: time against baseline."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.stack.networks import connection
from m3leo_sar.stack.pairs import Pair

#: Vertical positions without baselines: no three dates are collinear.
_SPREAD = 0.6180339887


def plot_network(
    path: str | os.PathLike[str],
    dates: Sequence[datetime.date],
    pairs: Sequence[Pair],
    *,
    baselines: Mapping[datetime.date, float] | None = None,
) -> None:
    """Draw dates as points and pairs as lines, with one colour per connected component.

    Parameters
    ----------
    path : str or path
        Picture to write; its suffix selects the format.
    dates : sequence of datetime.date
        All dates, including those without a pair.
    pairs : sequence of Pair
        Pairs that connect the dates.
    baselines : mapping of datetime.date to float, optional
        Perpendicular baseline of each date in metres; if not given, dates are spread so that no lines coincide.

    Raises
    ------
    ValueError
        If a pair has a date that is not among ``dates``, or a date has no baseline.
    """
    import matplotlib
    import matplotlib.dates

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = connection(dates, pairs)
    missing = [date for date in dates if baselines is not None and date not in baselines]
    if missing:
        raise ValueError(f"baselines must hold every date, {missing[0]} is missing")
    day = {date: matplotlib.dates.date2num(date) for date in dates}
    height = dict(baselines) if baselines else {date: index * _SPREAD % 1 for index, date in enumerate(sorted(dates))}
    colours = {date: f"C{number % 10}" for number, group in enumerate(found.components) for date in group}
    figure, axis = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    try:
        for pair in pairs:
            ends = pair.reference, pair.secondary
            axis.plot(
                [day[end] for end in ends],
                [height[end] for end in ends],
                color=colours[pair.reference],
                linewidth=0.8,
                alpha=0.7,
            )
        for date in dates:
            axis.plot([day[date]], [height[date]], "o", color=colours[date], markersize=5)
        groups = "connected" if found.is_connected else f"{len(found.components)} groups"
        axis.set_title(f"{len(pairs)} pairs of {len(dates)} dates, {groups}, loops: {found.loops}")
        axis.set_ylabel("perpendicular baseline (m)" if baselines else "")
        if not baselines:
            axis.set_yticks([])
        axis.xaxis_date()
        figure.autofmt_xdate()
        with atomic_path(path) as partial:
            figure.savefig(partial, dpi=110, format=Path(path).suffix.lstrip(".") or "png")
    finally:
        pyplot.close(figure)
