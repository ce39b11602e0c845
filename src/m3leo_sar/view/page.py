"""The page in which any pair of a source is chosen, computed and viewed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.models import CustomJS

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.stack.ground_spacing import ground_spacing
from m3leo_sar.stack.pairs import as_date
from m3leo_sar.view.panels import event_panel, matrix_panel, pixel_panel
from m3leo_sar.view.panels.chip_panel import ChipPanel
from m3leo_sar.view.panels.event_panel import EventPanel
from m3leo_sar.view.panels.matrix_panel import MatrixPanel
from m3leo_sar.view.panels.newest_work import NewestWork
from m3leo_sar.view.panels.page_state import Choice, PageState
from m3leo_sar.view.panels.parcel import parcel_of
from m3leo_sar.view.panels.pixel_panel import PixelPanel
from m3leo_sar.view.panels.tile_panel import TilePanel
from m3leo_sar.view.stack_parts import StackParts

#: Longest sides of a window that the sliders reach, in samples; the explorer's own, if that is larger.
_LARGEST = (25, 61)


def document(explorer: Any) -> Callable[[Document], None]:
    """The page of an explorer, as a function that fills a document of Bokeh; every browser window has its own.

    Parameters
    ----------
    explorer : Explorer
        Shared by all pages.
    """

    def fill(doc: Document) -> None:
        Page(explorer, doc)

    return fill


class Page:
    """One page in one browser window: its panels, and what each change recomputes.

    Parameters
    ----------
    explorer : Explorer
    doc : bokeh.document.Document
        To fill.
    """

    def __init__(self, explorer: Any, doc: Document) -> None:
        self.explorer, self.dates = explorer, tuple(explorer.dates)
        boxes: dict[str, GeoBox] = dict(explorer.tiles)
        self.state = PageState(name="state")
        self.work = NewestWork(doc, self.state)
        self.tiles = TilePanel(boxes)
        self.matrix = MatrixPanel(self.dates, self.state)
        self.chip = ChipPanel(boxes, self.dates, self.state)
        self.pixel = PixelPanel(self.dates, self.state)
        self.event = EventPanel(self.chip.frame, self.dates, self.state)
        self.shown: Choice | None = None
        #: Tile, window and polarisation of the matrix, pixel and event.
        self.followed: tuple[Any, ...] | None = None
        self.state.about = self._about()
        for name, react in (("choice", self._choose), ("pixel", self._pick), ("event", self._set_event),
                            ("order", self._deliver)):  # fmt: skip
            self.state.on_change(name, partial(self._guarded, react))
        self._fill(doc)
        self.state.choice = self._first_choice()

    def _fill(self, doc: Document) -> None:
        doc.title = f"{self.state.about['name']} · m3leo_sar"
        figures = {**self.chip.figures, **self.event.figures}
        panels = [self.tiles.figure, self.matrix.figure, self.pixel.figure, *figures.values()]
        # At once: each root alone would have the models of all collected anew.
        with doc.models.freeze():
            for model in (self.state, *panels):
                doc.add_root(model)
        doc.template = _part("page.html")
        doc.template_variables.update(style=_part("page.css"), script=_part("page.js"), about=self.state.about)
        shared = {
            "state": self.state,
            "figures": {plot.name: plot for plot in panels},
            "sources": {**self.chip.sources, **self.event.sources, "matrix": self.matrix.source},
            "tiles": self.tiles.source,
            "matrix_cursor": self.matrix.cursor,
            "cursor": self.chip.frame.cursor,
            "mask": self.chip.frame.mask,
        }
        code = "window.m3leo.start({" + ", ".join(shared) + "})"
        doc.js_on_event("document_ready", CustomJS(args=shared, code=code))
        doc.js_on_event("connection_lost", CustomJS(code="window.m3leo.lost()"))

    def _about(self) -> dict[str, Any]:
        explorer, baselines = self.explorer, self.explorer.baselines
        limit = explorer.source.largest_window or Window(rows=_LARGEST[0], cols=_LARGEST[1])
        return {
            "name": Path(explorer.name).name,
            "kind": explorer.kind,
            "dates": [date.isoformat() for date in self.dates],
            "baselines": baselines and [float(baselines[date]) for date in self.dates],
            "polarisations": list(explorer.polarisations),
            "tiles": list(self.tiles.boxes),
            "spacing": _spacing(explorer.source),
            "largest_window": [max(limit.rows, explorer.window.rows), max(limit.cols, explorer.window.cols)],
        }

    def _first_choice(self) -> dict[str, Any]:
        """The pair of the fewest days on a tile with data; of several, the one in the middle of the series."""
        tile, window = self.tiles.first(self.explorer.bounds), self.explorer.window
        pairs = self._pairs(tile)
        middle = (len(self.dates) - 2) / 2
        first, second = min(pairs, key=lambda pair: (self._days(pair), abs(pair[0] - middle)))
        return Choice(tile, first, second, window.rows, window.cols, self.explorer.polarisations[0])._asdict()

    def _pairs(self, tile: str) -> list[tuple[int, int]]:
        """Indices of the pairs of an archive, or of neighbouring dates."""
        held = self.explorer.pairs(tile)
        if not held:
            return list(itertools.pairwise(range(len(self.dates))))
        places = {date: index for index, date in enumerate(self.dates)}
        return [(places[as_date(pair.reference, "pair")], places[as_date(pair.secondary, "pair")]) for pair in held]

    def _days(self, pair: tuple[int, int]) -> int:
        return abs((self.dates[pair[1]] - self.dates[pair[0]]).days)

    def _guarded(self, react: Callable[[Any], None], attr: str, old: Any, new: Any) -> None:
        """React to the browser; a request that cannot be read is answered in the page."""
        try:
            react(new)
        except (ValueError, KeyError, TypeError) as error:
            self.work.fail("request", error)
        else:
            self.work.cancel("request")

    def _choose(self, asked: Any) -> None:
        choice, before = Choice.of(asked, dates=len(self.dates)), self.shown
        if choice.tile not in self.tiles.boxes:
            raise KeyError(f"there is no tile {choice.tile!r}")
        if choice == before and not self.state.problems:
            return
        self.shown = choice
        self.matrix.select(*choice.pair)
        self.state.snippet = self.explorer.snippet(choice.tile, choice.pair, **choice.options)
        if before is None or before.area != choice.area:
            self.matrix.clear()
        if before is None or before.tile != choice.tile:
            self.tiles.select(choice.tile)
            self.work.cancel(pixel_panel.NAME)
            self.pixel.clear()
        self.pixel.select(choice.pair)
        self.chip.start(self.work, self.explorer, choice, then=self._follow)

    def _follow(self) -> None:
        """Recompute what belongs to the tile and window of the maps: matrix, event, and on the same tile the pixel."""
        choice = self.shown
        if choice is None or (choice.area == self.followed and matrix_panel.NAME not in self.state.problems):
            return
        self.followed = choice.area
        self.matrix.start(self.work, self.explorer, choice)
        if self.state.pixel_facts:
            self._pick(self.state.pixel)
        if self.state.event:
            self._set_event(self.state.event)

    def _pick(self, asked: Any) -> None:
        if self.shown is not None and asked is not None:
            self.pixel.start(self.work, self.explorer, self.shown, asked)

    def _set_event(self, date: Any) -> None:
        if self.shown is not None and date:
            self.event.start(self.work, self.explorer, self.shown, date)
        else:
            self.work.cancel(event_panel.NAME)
            self.event.clear()

    def _deliver(self, order: Any) -> None:
        if self.shown is not None and isinstance(order, Mapping):
            compute = partial(parcel_of, self.explorer, self.shown, order)
            self.work.start("file", compute, partial(setattr, self.state, "parcel"))


def _spacing(source: Any) -> list[float] | None:
    """Metres on the ground from sample to sample of a stack, along rows and columns; None of other sources."""
    return list(ground_spacing(source.bursts[0].geometry)) if isinstance(source, StackParts) else None


def _part(name: str) -> str:
    """Text of a file of the page that comes with the package."""
    return files("m3leo_sar.view").joinpath(name).read_text(encoding="utf-8")
