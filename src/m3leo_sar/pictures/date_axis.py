"""Dates along an axis: a tick for each, and as many labels as have room."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from m3leo_sar.pictures.style import TICK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Width of an upright label in inches, and space at both ends of the axis as a share of all days.
_LABEL, _SPACE = 0.15, 0.03


def draw_dates(axis: Axes, dates: Sequence[datetime.date]) -> None:
    """Mark acquisitions along the lower edge of axes whose x counts days from 1970."""
    ordered = sorted(set(dates))
    first = datetime.date(1970, 1, 1).toordinal()
    days = [float(date.toordinal() - first) for date in ordered]
    span = (days[-1] - days[0]) or 1.0
    axis.set_xlim(days[0] - _SPACE * span, days[-1] + _SPACE * span)
    figure = axis.get_figure(root=True)
    assert figure is not None
    least = _LABEL * span * (1 + 2 * _SPACE) / (axis.get_window_extent().width / figure.dpi)
    kept: list[int] = []
    for number, day in enumerate(days):
        if not kept or day - days[kept[-1]] >= least:
            kept.append(number)
    axis.set_xticks(
        [days[number] for number in kept], [ordered[number].isoformat() for number in kept], rotation=90,
        ha="center", va="top", fontsize=TICK,
    )  # fmt: skip
    rest = sorted(set(range(len(days))) - set(kept))
    axis.set_xticks([days[number] for number in rest], minor=True)
    axis.tick_params(axis="x", which="both", length=3, width=0.6)
