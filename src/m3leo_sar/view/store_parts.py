"""The samples of the tiles of a store of SLC tiles."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid import antimeridian
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.products.pair_products import pixel_map_of
from m3leo_sar.stack.complex_int16 import from_complex_int16
from m3leo_sar.view.grid_part import GridPart


class StoreParts:
    """A store of SLC tiles as the explorer reads it.

    Parameters
    ----------
    store : SlcTileStore
        Of all its polarisations.
    """

    kind = "tiles"

    def __init__(self, store: SlcTileStore) -> None:
        self.store, self.path = store, store.root
        self.name = store.facts.name
        self.tiles: Mapping[str, GeoBox] = TileBoxes(store.identifiers, lambda tile: store.frame(tile).geobox)
        if not self.tiles:
            raise ValueError(f"{store.root} holds no tile")
        every = {date: passing for tile in self.tiles for date, passing in _dates(store, tile)}
        self.dates = tuple(sorted(every))
        self.passings = tuple(every[date] for date in self.dates)
        self.polarisations = tuple(store.facts.polarisation.split("+"))
        #: Halo of the samples of each tile.
        self.largest_window: Window | None = store.facts.window

    @property
    def is_gone(self) -> bool:
        """Whether the files were removed."""
        return not self.path.exists()

    @property
    def bounds(self) -> antimeridian.Bounds:
        """(west, south, east, north) in degrees."""
        return bounds_of_boxes(self.tiles)

    def tile_parts(self, tile: str) -> tuple[GridPart, ...]:
        """The samples of a tile."""
        frame = self.store.frame(tile)
        return (
            GridPart(key=tile, read=partial(_read, self.store, tile), shape=frame.shape, positions=pixel_map_of(frame)),
        )


class TileBoxes(Mapping[str, GeoBox]):
    """Tiles by identifier, whose grids are read when they are needed.

    Parameters
    ----------
    identifiers : iterable of str
    read : callable
        Gives the grid of a tile.
    """

    def __init__(self, identifiers: Any, read: Any) -> None:
        self._known = dict.fromkeys(identifiers)
        self._read = lru_cache(maxsize=None)(read)

    def __getitem__(self, tile: str) -> GeoBox:
        if tile not in self._known:
            raise KeyError(tile)
        box: GeoBox = self._read(tile)
        return box

    def __contains__(self, tile: object) -> bool:
        return tile in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def bounds_of_boxes(boxes: Mapping[str, GeoBox]) -> antimeridian.Bounds:
    """(west, south, east, north) of several grids, in degrees."""
    return antimeridian.bounds_of_all(np.array([box.bounds_in("EPSG:4326") for box in boxes.values()]))


def _dates(store: SlcTileStore, tile: str) -> Iterator[tuple[datetime.date, datetime.date]]:
    return zip(store.dates(tile), store.passings(tile), strict=True)


def _read(
    store: SlcTileStore, tile: str, polarisation: str, date: datetime.date, rows: slice, cols: slice
) -> NDArray[Any]:
    held = store.read(tile, [date]).of_polarisation(polarisation)
    image = held.slc[0] if held.slc.dtype.kind == "c" else from_complex_int16(held.slc[0], scale=held.scales[0])
    return np.ascontiguousarray(image[rows, cols])
