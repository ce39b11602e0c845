"""A picture of the dates that each burst of a track has."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from m3leo_sar.io.files.atomic import atomic_path

#: States in the order of the colours, which differ in lightness too.
STATES = ("absent", "new", "again", "present", "reference")
_COLOURS = ("#f2f2f2", "#9ecae1", "#fdae6b", "#3182bd", "#08306b")
#: Most names that are written along an axis.
_NAMES = 40


def plot_coverage(path: str | os.PathLike[str], coverage: Mapping[str, Mapping[datetime.date, str]]) -> None:
    """Draw a table of bursts and dates, with a colour for the state of each.

    Parameters
    ----------
    path : str or path
        Picture to write; its suffix selects the format.
    coverage : mapping of str to mapping of datetime.date to str
        State of each date by burst: ``"reference"``, ``"present"``, ``"new"`` (to be made), ``"again"`` (to be made
        anew) or ``"absent"``.

    Raises
    ------
    ValueError
        If there is no burst, or a state is another.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import colors, patches, pyplot

    bursts = list(coverage)
    dates = sorted({date for states in coverage.values() for date in states})
    if not bursts or not dates:
        raise ValueError("coverage must hold a burst and a date, got none")
    other = {state for states in coverage.values() for state in states.values()} - set(STATES)
    if other:
        raise ValueError(f"coverage must hold the states {', '.join(STATES)}, got {', '.join(sorted(other))}")
    values = np.array([[STATES.index(coverage[burst].get(date, "absent")) for date in dates] for burst in bursts])
    size = (3 + 0.25 * min(len(dates), 60), 1.6 + 0.22 * min(len(bursts), 60))
    figure, axis = pyplot.subplots(figsize=size, layout="constrained")
    try:
        mesh = axis.pcolormesh(values, cmap=colors.ListedColormap(_COLOURS), vmin=-0.5, vmax=len(STATES) - 0.5)
        mesh.set_edgecolor("white")
        axis.invert_yaxis()
        steps = [-(-len(items) // _NAMES) for items in (dates, bursts)]
        axis.set_xticks(
            np.arange(len(dates))[:: steps[0]] + 0.5, [f"{date}" for date in dates[:: steps[0]]], rotation=90
        )
        axis.set_yticks(np.arange(len(bursts))[:: steps[1]] + 0.5, bursts[:: steps[1]])
        shown = [state for index, state in enumerate(STATES) if (values == index).any()]
        handles = [patches.Patch(facecolor=_COLOURS[STATES.index(state)], label=state) for state in shown]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
        with atomic_path(path) as partial:
            figure.savefig(partial, dpi=110, format=Path(path).suffix.lstrip(".") or "png")
    finally:
        pyplot.close(figure)
