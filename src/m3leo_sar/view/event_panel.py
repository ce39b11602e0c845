"""Coherence before, across and after an event, and the change that the event made."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.view.colour_codes import codes_of
from m3leo_sar.view.newest_work import NewestWork
from m3leo_sar.view.page_state import Choice, PageState
from m3leo_sar.view.raster_figure import RasterFrame, raster_figure

#: Maps of an event, with the palette and the limits of each.
LAYERS: dict[str, tuple[str, float, float]] = {
    "before": ("coherence", 0.0, 1.0),
    "across": ("coherence", 0.0, 1.0),
    "after": ("coherence", 0.0, 1.0),
    "change": ("change", -1.0, 1.0),
}


class EventPanel:
    """Four figures of an event on the tile shown, which zoom with the maps of the pair.

    Parameters
    ----------
    frame : RasterFrame
        Of the maps of the pair.
    dates : sequence of datetime.date
    state : PageState
    """

    def __init__(self, frame: RasterFrame, dates: Sequence[datetime.date], state: PageState) -> None:
        self._frame, self._dates, self._state = frame, dates, state
        self.sources = {layer: frame.source(np.zeros(frame.shape, np.uint8)) for layer in LAYERS}
        self.figures = {
            layer: raster_figure(layer, self.sources[layer], frame, colours=colours)
            for layer, (colours, _, _) in LAYERS.items()
        }

    def start(self, work: NewestWork, explorer: Any, choice: Choice, date: Any) -> None:
        """Compute the maps of an event on the tile shown."""
        self.clear()
        work.start("event", partial(_event, explorer, choice, date), self._show)

    def clear(self) -> None:
        """Show no event."""
        for source in self.sources.values():
            source.data = self._frame.empty()
        self._state.event_facts = {}

    def _show(self, event: Any) -> None:
        facts: dict[str, Any] = {}
        for layer, (_, low, high) in LAYERS.items():
            values = getattr(event, layer)
            if values is not None:
                found = codes_of(values, low=low, high=high)
                self.sources[layer].data = self._frame.data(found.codes)
                facts[layer] = found.facts()
        self._state.event_facts = {"layers": facts}


def _event(explorer: Any, choice: Choice, date: Any) -> Any:
    return explorer.event(choice.tile, parse_date(str(date)), **choice.options)
