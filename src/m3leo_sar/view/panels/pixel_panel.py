"""Coherence of one pixel over the days between two dates, with the fitted decay and its spread."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from m3leo_sar.stack.pairs import as_date
from m3leo_sar.view.panels.newest_work import NewestWork
from m3leo_sar.view.panels.page_state import Choice, PageState, whole

#: Name of the computation.
NAME = "pixel over time"
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
        self._places, self._state = {date: index for index, date in enumerate(dates)}, state
        self._pairs: list[tuple[int, int]] = []
        self.points = ColumnDataSource({"days": [], "coherence": [], "first": [], "second": []})
        self.curve = ColumnDataSource({"days": [], "fit": [], "low": [], "high": []})
        self.spread = ColumnDataSource({"days": [], "low": [], "median": [], "high": []})
        self.chosen = ColumnDataSource({"days": [], "coherence": []})
        self.figure = self._drawn()

    def start(self, work: NewestWork, explorer: Any, choice: Choice, asked: Any) -> None:
        """Compute the coherence of all pairs at a pixel of the tile shown."""
        compute, show = partial(_pixel, explorer, choice, asked), partial(self._show, choice)
        work.start(NAME, compute, show, clear=self.clear)

    def clear(self) -> None:
        """Show no pixel."""
        self._pairs = []
        for source in (self.points, self.curve, self.spread, self.chosen):
            source.data = {name: [] for name in source.data}
        self._state.pixel_facts = {}

    def select(self, pair: tuple[int, int]) -> None:
        """Mark the pair whose maps are shown."""
        place = [self._pairs.index(pair)] if pair in self._pairs else []
        self.chosen.data = {name: [self.points.data[name][index] for index in place] for name in ("days", "coherence")}

    def _show(self, choice: Choice, found: Any) -> None:
        (row, col), pixel = found
        days = [(as_date(pair.reference, "pair"), as_date(pair.secondary, "pair")) for pair in pixel.pairs]
        self._pairs = [(self._places[first], self._places[second]) for first, second in days]
        self.points.data = {
            "days": np.asarray(pixel.days),
            "coherence": np.asarray(pixel.coherence),
            "first": [first.isoformat() for first, _ in days],
            "second": [second.isoformat() for _, second in days],
        }
        self.select(choice.pair)
        decay = {name: float(value) for name, value in pixel.decay._asdict().items()}
        self.curve.data = _curve(decay, float(np.max(pixel.days, initial=1.0)))
        lags, low, median, high = np.asarray(pixel.spread).reshape(-1, 4).T
        self.spread.data = {"days": lags, "low": low, "median": median, "high": high}
        self._state.pixel_facts = {
            "row": row,
            "col": col,
            "pairs": len(self._pairs),
            "valid": int(np.isfinite(pixel.coherence).sum()),
            # Compared in the browser with null, which no arithmetic hides.
            **{name: value if np.isfinite(value) else None for name, value in decay.items()},
        }

    def _drawn(self) -> figure:
        plot = figure(
            name="decay", y_range=Range1d(0, 1), tools=[], toolbar_location=None, sizing_mode="stretch_width",
            height=320, min_border=2, border_fill_color=None, background_fill_color=None,
            x_axis_label="days between the two dates", y_axis_label="coherence",
        )  # fmt: skip
        plot.x_range.start = 0
        plot.varea("days", "low", "high", source=self.curve, fill_color="#d55e00", fill_alpha=0.22)
        plot.segment("days", "low", "days", "high", source=self.spread, line_color="#7d828a", line_width=5,
                     line_alpha=0.55)  # fmt: skip
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


def _curve(decay: Mapping[str, float], longest: float) -> dict[str, Any]:
    """The fitted coherence from 0 to the longest lag, and the band of its root mean square residual."""
    days = np.linspace(0, longest, _POINTS)
    fit = decay["rho_inf"] + (1 - decay["rho_inf"]) * np.exp(-days / decay["tau"])
    if not np.isfinite(fit).all():
        return {"days": [], "fit": [], "low": [], "high": []}
    low, high = np.clip(fit - decay["rmse"], 0, 1), np.clip(fit + decay["rmse"], 0, 1)
    return {"days": days, "fit": fit, "low": low, "high": high}
