"""A picture of the dates that each burst of a track has."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from m3leo_sar.pictures.colour_key import Classes, draw_key, key_height
from m3leo_sar.pictures.figure import finished
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.style import (
    MARGIN,
    TICK,
    axes_at,
    draw_heading,
    fitted,
    heading_height,
    new_figure,
    styled,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: States in the order of the colours, which differ in lightness too.
STATES = ("absent", "new", "again", "present", "reference")
_COLOURS = ("#f2f2f2", "#9ecae1", "#fdae6b", "#3182bd", "#08306b")
#: Width of a column and height of a row in inches, their least, and the largest size of the table.
_CELL, _ROW, _LEAST, _MOST = 0.24, 0.19, 0.02, 11.0
#: Widest name of a burst, and space of the dates, in inches.
_NAME, _DATES = 2.0, 0.72


@styled
def plot_coverage(
    coverage: Mapping[str, Mapping[datetime.date, str]],
    *,
    heading: str = "Dates of each burst",
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw a table of bursts and dates, with a colour for the state of each.

    Parameters
    ----------
    coverage : mapping of str to mapping of datetime.date to str
        State of each date by burst: ``"reference"``, ``"present"``, ``"new"`` (to be made), ``"again"`` (to be made
        anew) or ``"absent"``.
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
        If there is no burst, a state is another, or the suffix names no format.
    """
    require_output(path, form, dpi)
    bursts = list(coverage)
    dates = sorted({date for states in coverage.values() for date in states})
    if not bursts or not dates:
        raise ValueError("coverage must hold a burst and a date, got none")
    other = {state for states in coverage.values() for state in states.values()} - set(STATES)
    if other:
        raise ValueError(f"coverage must hold the states {', '.join(STATES)}, got {', '.join(sorted(other))}")
    values = np.array([[STATES.index(coverage[burst].get(date, "absent")) for date in dates] for burst in bursts])
    facts = [f"{len(bursts)} burst{'s' * (len(bursts) != 1)}", f"{len(dates)} date{'s' * (len(dates) != 1)}",
             f"{dates[0]} to {dates[-1]}"]  # fmt: skip
    names = [fitted(burst, _NAME, TICK) for burst in bursts]
    left = MARGIN + max(text_width(name, TICK) for name in names) + 0.12
    wide, high = (min(cell * len(items), _MOST) for cell, items in ((_CELL, dates), (_ROW, bursts)))
    width = max(left + wide + MARGIN, 4.4)
    shown = Classes([(f"{state} ({(values == number).sum()})", colour)
                     for number, (state, colour) in enumerate(zip(STATES, _COLOURS, strict=True))
                     if (values == number).any()])  # fmt: skip
    top = heading_height(heading, facts, width) + 0.08
    figure = new_figure(width, top + high + _DATES + key_height(shown, width - 2 * MARGIN) + MARGIN)
    draw_heading(figure, heading, facts)
    _draw_table(figure, values, dates, names, (left, top, wide, high))
    draw_key(figure, shown, MARGIN, top + high + _DATES, width - 2 * MARGIN)
    return finished(figure, path, dpi=dpi, form=form)


def _draw_table(
    figure: Figure, values: np.ndarray, dates: list[datetime.date], names: list[str], place: tuple[float, ...]
) -> None:
    from matplotlib.colors import ListedColormap

    left, top, wide, high = place
    axis = axes_at(figure, left, top, wide, high)
    axis.set_gid("coverage")
    # Lines between cells, where cells are wide enough for them.
    line = min(1.0, 4 * wide / len(dates), 4 * high / len(names))
    axis.pcolormesh(
        values, cmap=ListedColormap(_COLOURS), vmin=-0.5, vmax=len(STATES) - 0.5, edgecolor="white", linewidth=line
    )
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    # Every name that has room.
    across, down = (max(1, int(np.ceil(least / (size / count)))) for least, size, count in
                    ((0.15, wide, len(dates)), (0.13, high, len(names))))  # fmt: skip
    axis.set_xticks(np.arange(len(dates))[::across] + 0.5, [f"{date}" for date in dates[::across]], rotation=90)
    axis.set_yticks(np.arange(len(names))[::down] + 0.5, names[::down])
