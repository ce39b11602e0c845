"""The chips of an archive: the pairs that are stored, and no others."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid import antimeridian
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_name import parse_key
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, INTERFEROGRAM
from m3leo_sar.stack.pairs import Pair, parse_date
from m3leo_sar.view.store_parts import TileBoxes, bounds_of_boxes

#: Product of an archive that holds a layer.
_PRODUCTS = {
    "coherence": COHERENCE,
    "phase": INTERFEROGRAM,
    "intensity_first": INTENSITY,
    "intensity_second": INTENSITY,
}


class StoredChips:
    """An archive as the explorer reads it.

    Parameters
    ----------
    archive : ChipArchive

    Raises
    ------
    ValueError
        If it holds no coherence of a pair.
    """

    kind = "archive"

    def __init__(self, archive: ChipArchive) -> None:
        self.archive, self.path = archive, archive.root
        self.name = archive.root.name
        held = {tile: _pairs(archive, tile) for tile in archive.identifiers}
        #: Pairs of each tile by polarisation.
        self.held = {tile: some for tile, some in held.items() if some}
        if not self.held:
            raise ValueError(f"{archive.root} holds no coherence of a pair of dates")
        self.tiles = TileBoxes(self.held, self._box)
        every = {pair for some in self.held.values() for pairs in some.values() for pair in pairs}
        self.dates = tuple(sorted({date for pair in every for date in (pair.reference, pair.secondary)}))
        self.passings: tuple[datetime.date, ...] = self.dates
        self.polarisations = tuple(dict.fromkeys(one for some in self.held.values() for one in some))
        self.largest_window: Window | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the files were removed."""
        return not self.path.exists()

    @property
    def bounds(self) -> antimeridian.Bounds:
        """(west, south, east, north) in degrees."""
        return bounds_of_boxes(self.tiles)

    def chip(self, tile: str, polarisation: str, pair: Pair, layer: str) -> tuple[NDArray[Any], Window | None]:
        """A stored layer, and the window of its coherence.

        Raises
        ------
        KeyError
            If it is not stored.
        OSError, ValueError
            If it cannot be read.
        """
        dataset, name = _PRODUCTS[layer], str(pair)
        if layer.startswith("intensity"):
            name = f"{pair.reference if layer == 'intensity_first' else pair.secondary:%Y%m%d}"
        key = f"{polarisation}/{name}" if polarisation else name
        if not self.archive.has(tile, dataset, key):
            raise KeyError(self._lacks(tile, polarisation, dataset, key))
        chip = self.archive.read(tile, dataset, key)
        values = chip.values()
        values = np.angle(values) if layer == "phase" else values
        sides = (chip.metadata.get("parameters") or {}).get("window")
        window = Window(rows=sides[0], cols=sides[1]) if sides else None
        return values.astype(np.float32, copy=False), window

    def _lacks(self, tile: str, polarisation: str, dataset: str, key: str) -> str:
        held = self.held[tile].get(polarisation, [])
        if dataset == COHERENCE:
            some = ", ".join(map(str, held[:3])) + (", ..." if len(held) > 3 else "")
            return f"pair {key} of tile {tile} is not stored in {self.name}, which has {len(held)} pairs: {some}"
        return f"{dataset} {key} of tile {tile} is not stored in {self.name}"

    def _box(self, tile: str) -> GeoBox:
        polarisation, pairs = next(iter(self.held[tile].items()))
        key = f"{polarisation}/{pairs[0]}" if polarisation else str(pairs[0])
        return self.archive.facts(tile, COHERENCE, key)[0]


def _pairs(archive: ChipArchive, tile: str) -> dict[str, list[Pair]]:
    """Pairs with a coherence by polarisation, "" where none is named."""
    found: dict[str, list[Pair]] = {}
    for key in archive.keys(tile, COHERENCE):
        polarisation, name = parse_key(key)
        dates = name.split("_")
        if len(dates) == 2 and all(date.isdigit() for date in dates):
            found.setdefault(polarisation or "", []).append(Pair(*map(parse_date, dates)))
    return found
