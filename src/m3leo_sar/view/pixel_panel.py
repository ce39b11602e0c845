"""Coherence of one pixel over the days between two dates, with the fitted decay and its spread."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from m3leo_sar.view.newest_work import NewestWork
from m3leo_sar.view.page_state import Choice, PageState, whole

#: Points of the curve drawn.
_POINTS = 120


class PixelPanel:
    """Figure of the coherence of all pairs at one pixel.

    Parameters
    ----------
    dates : sequence of datetime.date
    state : PageState
    """

    def __init__(self, dates: Sequence[datetime.date], state: PageState) -> None:
        self._dates, self._state = dates, state
        self._pairs: list[tuple[int, int]] = []
        self.points = ColumnDataSource({"days": [], "coherence": [], "first": [], "second": []})
        self.curve = ColumnDataSource({"days": [], "fit": [], "low": [], "high": []})
        self.chosen = ColumnDataSource({"days": [], "coherence": []})
        self.figure = self._drawn()

    def start(self, work: NewestWork, explorer: Any, choice: Choice, asked: Any) -> None:
        """Compute the coherence of all pairs at a pixel of the tile shown."""
        work.start(
            "pixel over time", partial(_pixel, explorer, choice, asked), partial(self._show, choice)
        )

    def clear(self) -> None:
        """Show no pixel."""
        self._pairs = []
        for source in (self.points, self.curve, self.chosen):
            source.data = {name: [] for name in source.data}
        self._state.pixel_facts = {}

    def select(self, pair: tuple[int, int]) -> None:
        """Mark the pair whose maps are shown."""
        place = [self._pairs.index(pair)] if pair in self._pairs else []
        self.chosen.data = {name: [self.points.data[name][index] for index in place] for name in ("days", "coherence")}

    def _show(self, choice: Choice, found: Any) -> None:
        asked, pixel = found
        days, coherence = np.asarray(pixel.days, float), np.asarray(pixel.coherence, float)
        self._pairs = [(int(first), int(second)) for first, second in pixel.pairs]
        first, second = ([self._dates[pair[side]].isoformat() for pair in self._pairs] for side in (0, 1))
        self.points.data = {"days": days, "coherence": coherence, "first": first, "second": second}
        self.select(choice.pair)
        model = {name: float(np.asarray(getattr(pixel.model, name)).squeeze()) for name in ("rho_inf", "tau", "rmse")}
        self.curve.data = _curve(model, float(days.max(initial=1.0)))
        self._state.pixel_facts = {
            "row": asked[0],
            "col": asked[1],
            "pairs": len(self._pairs),
            "valid": int(np.isfinite(coherence).sum()),
            # The browser's JSON has no NaN.
            **{name: value if np.isfinite(value) else None for name, value in model.items()},
        }

    def _drawn(self) -> figure:
        plot = figure(
            name="decay", y_range=Range1d(0, 1), tools=[], toolbar_location=None, sizing_mode="stretch_width",
            aspect_ratio=1.7, min_border=2, border_fill_color=None, background_fill_color=None,
            x_axis_label="days between the two dates", y_axis_label="coherence",
        )  # fmt: skip
        plot.x_range.start = 0
        plot.varea("days", "low", "high", source=self.curve, fill_color="#d55e00", fill_alpha=0.22)
        plot.line("days", "fit", source=self.curve, line_color="#d55e00", line_width=2.5)
        dots = plot.scatter("days", "coherence", source=self.points, size=6, fill_color="#4a86c5", fill_alpha=0.75,
                            line_color=None)  # fmt: skip
        plot.scatter("days", "coherence", source=self.chosen, size=13, fill_color=None, line_color="#d55e00",
                     line_width=3)  # fmt: skip
        tips = [("pair", "@first to @second"), ("days", "@days"), ("coherence", "@coherence{0.00}")]
        plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
        return plot


def _pixel(explorer: Any, choice: Choice, asked: Any) -> tuple[tuple[int, int], Any]:
    """The pixel asked for and its coherence; the row and column are checked here, as a browser sent them."""
    if not isinstance(asked, Mapping) or not {"row", "col"} <= asked.keys():
        raise ValueError(f"a pixel must hold row and col, got {asked!r}")
    row, col = whole(asked["row"], "row"), whole(asked["col"], "col")
    return (row, col), explorer.pixel(choice.tile, row, col, **choice.options)


def _curve(model: Mapping[str, float], longest: float) -> dict[str, Any]:
    """The fitted coherence from 0 to the longest lag, and the band of its root mean square residual."""
    days = np.linspace(0, longest, _POINTS)
    fit = model["rho_inf"] + (1 - model["rho_inf"]) * np.exp(-days / model["tau"])
    if not np.isfinite(fit).all():
        return {"days": [], "fit": [], "low": [], "high": []}
    low, high = np.clip(fit - model["rmse"], 0, 1), np.clip(fit + model["rmse"], 0, 1)
    return {"days": days, "fit": fit, "low": low, "high": high}
