"""Mean coherence of every pair of dates of a tile, as a matrix in which a pair is chosen."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Range1d
from bokeh.plotting import figure

from m3leo_sar.view.panels.colour_codes import codes_of, palette
from m3leo_sar.view.panels.newest_work import NewestWork
from m3leo_sar.view.panels.page_state import Choice, PageState
from m3leo_sar.view.panels.raster_figure import draw_codes, hatch, listen

#: Name of the computation.
NAME = "matrix of dates"
#: Labels along an axis; more would overlap in a narrow window.
_LABELS = 5


class MatrixPanel:
    """Square of dates by dates, symmetric, whose colour is the mean coherence of the tile.

    Parameters
    ----------
    dates : sequence of datetime.date
    state : PageState
    """

    def __init__(self, dates: Sequence[datetime.date], state: PageState) -> None:
        self._state, self._count = state, len(dates)
        self.source = ColumnDataSource(self._data(np.zeros((self._count, self._count), np.uint8)))
        #: The pair shown, and the one under the cursor of the keyboard.
        self.chosen = ColumnDataSource({"x": [], "y": []})
        self.cursor = ColumnDataSource({"x": [], "y": []})
        self.figure = self._drawn(dates)

    def clear(self) -> None:
        """Show no matrix."""
        self.source.data = self._data(np.zeros((self._count, self._count), np.uint8))
        self._state.matrix_facts = {}

    def start(self, work: NewestWork, explorer: Any, choice: Choice) -> None:
        """Compute the matrix of a tile."""
        work.start(NAME, partial(_mean_coherence, explorer, choice), partial(self._show, choice))

    def select(self, first: int, second: int) -> None:
        """Mark a pair, in both halves."""
        self.chosen.data = self.cells(first, second)

    def cells(self, first: int, second: int) -> dict[str, list[float]]:
        """Centres of both cells of a pair; the first date is at the top and at the left."""
        across, down = np.array([second, first]) + 0.5, self._count - 0.5 - np.array([first, second])
        return {"x": across.tolist(), "y": down.tolist()}

    def _show(self, choice: Choice, mean: Any) -> None:
        found = codes_of(mean, low=0, high=1)
        self.source.data = self._data(found.codes)
        self._state.matrix_facts = {"tile": choice.tile, "low": found.low, "step": found.step}

    def _data(self, codes: Any) -> dict[str, list[Any]]:
        return {"image": [np.ascontiguousarray(codes[::-1])], "x": [0], "y": [0], "dw": [self._count],
                "dh": [self._count]}  # fmt: skip

    def _drawn(self, dates: Sequence[datetime.date]) -> figure:
        whole = {"start": 0, "end": self._count, "bounds": (0, self._count)}
        plot = figure(
            name="matrix", x_range=Range1d(**whole), y_range=Range1d(**whole), tools=[], toolbar_location=None,
            sizing_mode="stretch_width", aspect_ratio=1.12, min_border=2, border_fill_color=None,
            background_fill_color=None,
        )  # fmt: skip
        hatch(plot)
        plot.grid.visible = False
        draw_codes(plot, self.source, palette("coherence"))
        # Two lines, as one colour would vanish among those of the cells.
        for source, colour, width in (
            (self.chosen, "#000000", 6), (self.chosen, "#ffffff", 2.5), (self.cursor, "#ffffff", 3),
            (self.cursor, "#000000", 1),
        ):  # fmt: skip
            plot.rect("x", "y", 1, 1, source=source, fill_color=None, line_color=colour, line_width=width)
        places = np.unique(np.linspace(0, self._count - 1, min(_LABELS, self._count)).round().astype(int))
        text = {int(place): dates[place].strftime("%d %b %Y") for place in places}
        plot.xaxis.ticker = FixedTicker(ticks=[place + 0.5 for place in text])
        plot.yaxis.ticker = FixedTicker(ticks=[self._count - 0.5 - place for place in text])
        plot.xaxis.major_label_overrides = {place + 0.5: words for place, words in text.items()}
        plot.yaxis.major_label_overrides = {self._count - 0.5 - place: words for place, words in text.items()}
        plot.xaxis.major_label_orientation = 0.6
        listen(plot, "matrix")
        return plot


def _mean_coherence(explorer: Any, choice: Choice) -> Any:
    """Mean coherence (dates, dates) of a tile, without its diagonal, which is 1 by definition."""
    mean = np.array(explorer.matrix(choice.tile, **choice.options).coherence, np.float32)
    np.fill_diagonal(mean, np.nan)
    return mean
