"""Coherence, phase and both intensities of the pair chosen, on the pixels of a tile."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.pixel_spacing import pixel_spacing
from m3leo_sar.pictures.colours import percentile_limits
from m3leo_sar.view.panels.colour_codes import ColourCodes, codes_of, turn_codes
from m3leo_sar.view.panels.newest_work import NewestWork
from m3leo_sar.view.panels.page_state import Choice, PageState
from m3leo_sar.view.panels.raster_figure import RasterFrame, raster_figure

#: Maps of a pair, with the palette of each.
LAYERS = {"coherence": "coherence", "phase": "phase", "intensity_first": "intensity", "intensity_second": "intensity"}
#: Names of the two computations, the map shown first and the others, with their maps.
FIRST, OTHERS = "coherence", "phase and intensities"
GROUPS = {FIRST: ("coherence",), OTHERS: ("phase", "intensity_first", "intensity_second")}


class Maps(NamedTuple):
    """Maps of one pair, and what it took to make them."""

    codes: dict[str, ColourCodes]
    seconds: dict[str, float]
    hit: bool


class ChipPanel:
    """Four figures of the maps of one pair on one tile, which zoom together.

    Parameters
    ----------
    boxes : mapping of str to GeoBox
        Pixel grid of each tile.
    dates : sequence of datetime.date
    state : PageState
    """

    def __init__(self, boxes: Mapping[str, GeoBox], dates: Sequence[datetime.date], state: PageState) -> None:
        self._state, self._boxes, self._dates = state, boxes, dates
        box = next(iter(boxes.values()))
        self.frame = RasterFrame(box.shape, pixel_spacing(box))
        self.sources = {layer: self.frame.source(np.zeros(box.shape, np.uint8)) for layer in LAYERS}
        self.figures = {
            layer: raster_figure(
                layer, self.sources[layer], self.frame, colours=colours, is_masked=layer in ("coherence", "phase")
            )
            for layer, colours in LAYERS.items()
        }

    def start(self, work: NewestWork, explorer: Any, choice: Choice, *, then: Callable[[], None]) -> None:
        """Compute the maps of a pair, the coherence first; those of another tile are cleared at once.

        Parameters
        ----------
        work : NewestWork
        explorer : Explorer
        choice : Choice
        then : callable
            Called when all maps are shown or have failed.
        """
        if self._state.chip_facts.get("tile") != choice.tile:
            box = self._boxes[choice.tile]
            self.frame.resize(box.shape, pixel_spacing(box))
            for source in self.sources.values():
                source.data = self.frame.empty()
        self._state.chip_facts = self._facts(choice)
        work.cancel(OTHERS)
        others = partial(self._run, work, OTHERS, partial(other_maps, explorer, choice), then)
        # One after the other, as both at once would have the first map wait for the others.
        self._run(work, FIRST, partial(coherence_map, explorer, choice), others)

    def _run(self, work: NewestWork, name: str, compute: Callable[[], Maps], then: Callable[[], None]) -> None:
        work.start(name, compute, partial(self._show, name, then), clear=partial(self._clear, name, then))

    def _show(self, name: str, then: Callable[[], None], maps: Maps) -> None:
        for layer in GROUPS[name]:
            found = maps.codes.get(layer)
            self.sources[layer].data = self.frame.empty() if found is None else self.frame.data(found.codes)
        facts = self._state.chip_facts
        self._state.chip_facts = {
            **facts,
            "layers": {**facts["layers"], **{layer: found.facts() for layer, found in maps.codes.items()}},
            "seconds": {**facts["seconds"], name: maps.seconds},
            "hits": {**facts["hits"], name: maps.hit},
        }
        then()

    def _clear(self, name: str, then: Callable[[], None]) -> None:
        """Show no maps of a computation, rather than those of another pair."""
        for layer in GROUPS[name]:
            self.sources[layer].data = self.frame.empty()
        then()

    def _facts(self, choice: Choice) -> dict[str, Any]:
        box = self._boxes[choice.tile]
        return {
            **choice._asdict(),
            "dates": [self._dates[index].isoformat() for index in choice.pair],
            "days": (self._dates[choice.second] - self._dates[choice.first]).days,
            "shape": list(box.shape),
            "spacing": list(pixel_spacing(box)),
            "corners": _corners(box),
            "layers": {},
            "seconds": {},
            "hits": {},
        }


def coherence_map(explorer: Any, choice: Choice) -> Maps:
    """The coherence of a pair as bytes."""
    chip = explorer.chip(choice.tile, choice.pair, **choice.options, layer="coherence")
    return Maps({"coherence": codes_of(chip.values, low=0, high=1)}, dict(chip.seconds), chip.hit)


def other_maps(explorer: Any, choice: Choice) -> Maps:
    """Phase and both intensities of a pair as bytes; the intensities in dB, with the same limits.

    An archive need not hold all of them.
    """
    chips = {}
    for layer in GROUPS[OTHERS]:
        try:
            chips[layer] = explorer.chip(choice.tile, choice.pair, layer=layer, **choice.options)
        except KeyError:
            if explorer.kind != "archive":
                raise
    codes = {"phase": turn_codes(chips["phase"].values)} if "phase" in chips else {}
    with np.errstate(divide="ignore"):
        power = {layer: 10 * np.log10(chip.values) for layer, chip in chips.items() if layer != "phase"}
    low, high = _limits(list(power.values()))
    codes |= {layer: codes_of(values, low=low, high=high) for layer, values in power.items()}
    seconds: dict[str, float] = {}
    for chip in chips.values():
        seconds = {part: seconds.get(part, 0.0) + value for part, value in chip.seconds.items()}
    return Maps(codes, seconds, all(chip.hit for chip in chips.values()))


def _limits(decibels: Any) -> tuple[float, float]:
    """Black and white of intensities: their 2nd and 98th percentile, or any two numbers where nothing is known."""
    # Every second row and column are enough for a percentile.
    some = np.array([values[::2, ::2] for values in decibels])
    if not np.isfinite(some).any():
        return 0.0, 1.0
    low, high = percentile_limits(some)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _corners(box: GeoBox) -> list[list[float]]:
    """Longitude and latitude of the corners: upper left and right, lower left and right."""
    rows, cols = box.shape
    x, y = zip(*(box.affine @ corner for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows))), strict=True)
    longitude, latitude = box.transformer_to("EPSG:4326").transform(x, y)
    return [[float(east), float(north)] for east, north in zip(longitude, latitude, strict=True)]
