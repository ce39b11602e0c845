"""A picture of a network of pairs: arcs over time, or time against perpendicular baseline."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.pictures.array_pictures import days_text
from m3leo_sar.pictures.colour_key import BAR_HEIGHT, Bar, Classes, draw_key, key_height
from m3leo_sar.pictures.colour_maps import DAYS, SEQUENTIAL, listed_map
from m3leo_sar.pictures.date_axis import draw_dates
from m3leo_sar.pictures.figure import finished
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.style import DISTINCT, INK, MARGIN, axes_at, draw_heading, heading_height, new_figure, styled
from m3leo_sar.stack.networks import connection
from m3leo_sar.stack.pairs import Pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Bend of a line between two baselines, as a share of its own days over all days and of the range of baselines.
_BEND = 0.12
#: Size of the figure in inches, of the axes within it, and the space for baselines on the left and dates below.
_WIDTH, _HEIGHT, _LEFT, _DATES = 8.5, 2.9, 0.5, 0.72
#: Most numbers of days that are all written at the colour bar.
_TICKS = 8
#: Most groups of dates that the legend separates.
_GROUPS = 8

_Line = tuple[NDArray[np.float64], NDArray[np.float64]]


@styled
def plot_network(
    dates: Sequence[datetime.date],
    pairs: Sequence[Pair],
    *,
    baselines: Mapping[datetime.date, float] | None = None,
    coherence: Mapping[Pair, float] | None = None,
    heading: str = "Network of pairs",
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw dates as points and pairs as lines that never cover each other.

    With baselines, a date lies at its perpendicular baseline. Without, all dates lie on one line, and pairs are arcs as
    high as the days between their dates. A tick marks each acquisition.

    Parameters
    ----------
    dates : sequence of datetime.date
        All dates, including those without a pair.
    pairs : sequence of Pair
        Pairs that connect the dates.
    baselines : mapping of datetime.date to float, optional
        Perpendicular baseline of each date in metres.
    coherence : mapping of Pair to float, optional
        Mean coherence of pairs, 0 to 1, which colours them; pairs without one are grey. Otherwise the colour is that of
        the days.
    heading : str
        Title of the figure.
    path : path, optional
        Picture to write.
    dpi : float
        Pixels per inch.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``; by default, the suffix of ``path`` selects it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no date, a pair has a date that is not among ``dates``, a date has no baseline, or the suffix names
        no format.
    """
    require_output(path, form, dpi)
    if not dates:
        raise ValueError("dates must hold at least one, got none")
    found = connection(dates, pairs)
    missing = [date for date in dates if baselines is not None and date not in baselines]
    if missing:
        raise ValueError(f"baselines must hold every date, {missing[0]} is missing")
    groups = found.components
    parts = Classes([(text, colour) for text, colour in zip(_group_texts(groups), DISTINCT, strict=False)])
    width = _WIDTH - 2 * MARGIN
    facts = _facts(dates, pairs, len(groups), found.loops)
    top = heading_height(heading, facts, _WIDTH) + 0.1
    below = key_height(parts, width) if len(groups) > 1 else 0.0
    figure = new_figure(_WIDTH, top + _HEIGHT + _DATES + (BAR_HEIGHT if pairs else 0) + below + 0.1)
    draw_heading(figure, heading, facts)
    axis = axes_at(figure, MARGIN + _LEFT, top, width - _LEFT, _HEIGHT)
    axis.set_gid("network")
    key = _pair_key(pairs, coherence)
    _draw_pairs(axis, pairs, baselines, _colours(pairs, coherence, key))
    _draw_nodes(axis, groups, baselines)
    _frame(axis, baselines)
    draw_dates(axis, dates)
    if pairs:
        draw_key(figure, key, MARGIN, top + _HEIGHT + _DATES, width)
    if len(groups) > 1:
        draw_key(figure, parts, MARGIN, top + _HEIGHT + _DATES + BAR_HEIGHT * bool(pairs), width)
    return finished(figure, path, dpi=dpi, form=form)


def _facts(dates: Sequence[datetime.date], pairs: Sequence[Pair], groups: int, loops: int) -> list[str]:
    days = sorted(abs(pair.days) for pair in pairs)
    span = [days_text(days[0]) if days[0] == days[-1] else f"{days[0]} to {days_text(days[-1])}"] if days else []
    joined = "all dates connected" if groups == 1 else f"{groups} groups that no pair connects"
    return [
        f"{len(pairs)} pair{'s' * (len(pairs) != 1)} of {len(dates)} date{'s' * (len(dates) != 1)}", *span, joined,
        f"{loops} independent loop{'s' * (loops != 1)}", f"{min(dates)} to {max(dates)}",
    ]  # fmt: skip


def _group_texts(groups: Sequence[Sequence[datetime.date]]) -> list[str]:
    texts = [f"{len(group)} connected dates" if len(group) > 1 else f"{group[0]}, alone" for group in groups[:_GROUPS]]
    rest = len(groups) - _GROUPS
    return texts if rest <= 0 else [*texts[:-1], f"{rest + 1} more groups"]


def _pair_key(pairs: Sequence[Pair], coherence: Mapping[Pair, float] | None) -> Bar:
    if coherence is not None:
        return Bar(0.0, 1.0, "mean coherence of a pair", SEQUENTIAL)
    days = sorted({abs(pair.days) for pair in pairs}) or [0]
    # Each number of days, if there are few.
    is_few = len(days) <= _TICKS and all(b - a >= (days[-1] - days[0]) / 12 for a, b in pairwise(days))
    label = "days between the dates of a pair"
    return Bar(days[0], days[-1], label, DAYS, ticks=tuple(map(float, days)) if is_few else ())


def _colours(pairs: Sequence[Pair], coherence: Mapping[Pair, float] | None, key: Bar) -> list[Any]:
    colours = listed_map(key.colour_map)
    span = (key.high - key.low) or 1.0
    values = [abs(pair.days) if coherence is None else coherence.get(pair, np.nan) for pair in pairs]
    return ["#b0b0b0" if np.isnan(value) else colours((value - key.low) / span) for value in values]


def _draw_pairs(
    axis: Axes, pairs: Sequence[Pair], baselines: Mapping[datetime.date, float] | None, colours: Sequence[Any]
) -> None:
    from matplotlib.patheffects import Normal, withStroke

    width = float(np.clip(22 / max(len(pairs), 1), 0.5, 1.4))
    # A thin rim keeps light lines apart from the paper, and crossing lines from each other.
    rim = [withStroke(linewidth=width + 0.7, foreground="#404040"), Normal()]
    order = sorted(range(len(pairs)), key=lambda number: -abs(pairs[number].days))
    for number, line in zip(order, _lines([pairs[number] for number in order], baselines), strict=True):
        drawn = axis.plot(*line, color=colours[number], linewidth=width, zorder=2, path_effects=rim)[0]
        drawn.set_gid(f"pair-{pairs[number]}")


def _lines(pairs: Sequence[Pair], baselines: Mapping[datetime.date, float] | None) -> list[_Line]:
    """Places (x, y) along the parabola of each pair: over the line between its baselines, or as high as its days."""
    way = np.linspace(0, 1, 61)
    longest = max((abs(_day(pair.secondary) - _day(pair.reference)) for pair in pairs), default=0) or 1.0
    tallest = _BEND * (np.ptp(list(baselines.values())) or 1.0) if baselines else 1.0
    found = []
    for pair in pairs:
        x, to_x = _day(pair.reference), _day(pair.secondary)
        y, to_y = (baselines[pair.reference], baselines[pair.secondary]) if baselines else (0.0, 0.0)
        bend = tallest * abs(to_x - x) / longest * 4 * way * (1 - way)
        found.append((x + (to_x - x) * way, y + (to_y - y) * way + bend))
    return found


def _draw_nodes(
    axis: Axes, groups: Sequence[Sequence[datetime.date]], baselines: Mapping[datetime.date, float] | None
) -> None:
    for number, group in enumerate(groups):
        colour = INK if len(groups) == 1 else DISTINCT[min(number, _GROUPS - 1)]
        heights = [baselines[date] if baselines else 0.0 for date in group]
        nodes = axis.plot(
            [_day(date) for date in group], heights, "o", color=colour, markersize=5, markeredgecolor="white",
            markeredgewidth=0.6, zorder=3, clip_on=False,
        )  # fmt: skip
        nodes[0].set_gid(f"group-{number}")


def _frame(axis: Axes, baselines: Mapping[datetime.date, float] | None) -> None:
    axis.spines[["right", "top"]].set_visible(False)
    if baselines:
        axis.set_ylabel("perpendicular baseline (m)", labelpad=2)
        axis.locator_params(axis="y", nbins=6)
        axis.grid(axis="y", color="#d9d9d9", linewidth=0.5)
        axis.set_axisbelow(True)
    else:
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_ylim(bottom=0.0)


def _day(date: datetime.date) -> float:
    """Days of the calendar, which a date axis of matplotlib counts from 1970."""
    return float(date.toordinal() - datetime.date(1970, 1, 1).toordinal())
