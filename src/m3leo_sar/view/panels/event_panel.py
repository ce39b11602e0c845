"""Coherence before, across and after an event, and the change that the event made."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from m3leo_sar.stack.pairs import as_date, parse_date
from m3leo_sar.view.panels.colour_codes import NO_DATA, codes_of
from m3leo_sar.view.panels.newest_work import NewestWork
from m3leo_sar.view.panels.page_state import Choice, PageState
from m3leo_sar.view.panels.raster_figure import RasterFrame, draw_codes, raster_figure

#: Name of the computation.
NAME = "event"
#: Veil over pixels whose change is within that of quiet pairs.
_QUIET = "#7d828ad0"
#: Maps of an event, with the palette and the limits of each.
LAYERS: dict[str, tuple[str, float, float]] = {
    "before": ("coherence", 0.0, 1.0),
    "across": ("coherence", 0.0, 1.0),
    "after": ("coherence", 0.0, 1.0),
    # Clipped where a tile has hardly a pixel, so that usual changes have distinct colours.
    "change": ("change", -0.6, 0.6),
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
        #: Pixels whose change is within that of quiet pairs.
        self.quiet = frame.source(np.zeros(frame.shape, np.uint8))
        draw_codes(self.figures["change"], self.quiet, (NO_DATA, *[_QUIET] * 255))

    def start(self, work: NewestWork, explorer: Any, choice: Choice, date: Any) -> None:
        """Compute the maps of an event on the tile shown."""
        self.clear()
        work.start(NAME, partial(_event, explorer, choice, date), self._show)

    def clear(self) -> None:
        """Show no event."""
        for source in (*self.sources.values(), self.quiet):
            source.data = self._frame.empty()
        self._state.event_facts = {}

    def _show(self, event: Any) -> None:
        for layer, (_, low, high) in LAYERS.items():
            values = getattr(event, layer)
            if values is not None:
                self.sources[layer].data = self._frame.data(codes_of(values, low=low, high=high).codes)
        if event.threshold is not None:
            self.quiet.data = self._frame.data((event.change <= event.threshold).astype(np.uint8))
        pairs = {
            name: "no pair of these days yet" if pair is None else _dates(pair)
            for name, pair in event.pairs._asdict().items()
        }
        self._state.event_facts = {"pairs": pairs, "words": _words(event)}


def _words(event: Any) -> str:
    """The change in one or two sentences."""
    days = f"All pairs span about {round(event.pairs.across.days)} days."
    if event.threshold is None:
        return f"{days} Too few pairs before the event for a threshold of the change."
    known = ~np.isnan(event.change)
    share = np.mean(event.change[known] > event.threshold) if known.any() else 0.0
    return (
        f"{days} Between quiet pairs before the event, 1 pixel in 100 lost more than {event.threshold:.2f}; across the "
        f"event {100 * share:.0f} in 100 did. The others are greyed in the map of the change."
    )


def _dates(pair: Any) -> str:
    return f"{as_date(pair.reference, 'pair')} → {as_date(pair.secondary, 'pair')}"


def _event(explorer: Any, choice: Choice, date: Any) -> Any:
    return explorer.event(choice.tile, parse_date(str(date)), **choice.options)
