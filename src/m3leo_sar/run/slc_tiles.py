"""From a stack and tiles to a store of what each tile needs of the stack; what is there is not written again."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, StackFacts
from m3leo_sar.products.placement import place_on
from m3leo_sar.products.tile_frame import tile_frame
from m3leo_sar.run.prepare import refuse_none
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.tile_samples import TileFrame

#: Dates that are held in memory and written together.
_DATES_AT_ONCE = 32


@dataclass
class TilesBuilt:
    """What a run did."""

    #: Planes (a date of a tile) written.
    written: int = 0
    #: Planes that were there already.
    present: int = 0
    #: Tiles left out and why.
    skipped: dict[str, str] = field(default_factory=dict)


def build_slc_tiles(
    stack: SlcStack,
    tiles: Sequence[Tile],
    path: str | os.PathLike[str],
    *,
    window: Window,
    resampling: str = "bilinear",
    minimum_coverage: float = 0.5,
    report: Callable[[Tile], None] | None = None,
) -> TilesBuilt:
    """Write what each tile needs of a stack, or add the stack's new dates to what is there.

    Parameters
    ----------
    stack : SlcStack
    tiles : sequence of Tile
        Such as a :class:`m3leo_sar.TileGrid`.
    path : path
        Folder of the store, made if it is not there.
    window : Window
        Largest coherence window that will be asked for: every smaller one gives what the whole stack would.
    resampling : str
        How the products will be taken onto the tile; its margin is held too.
    minimum_coverage : float
        Share of a tile's pixels that must lie on the stack.
    report : callable, optional
        Called with each tile that is done.

    Raises
    ------
    ValueError
        If no tile is given, every tile lies off the stack, or the store is one of another stack, window or resampling.
    OSError
        If the store cannot be written; what was written before stays, and nothing half written does.
    """
    if not tiles:
        raise ValueError("tiles must hold at least one tile, got none")
    store = SlcTileStore.create(path, _facts(stack, window, resampling))
    built = TilesBuilt()
    for tile in tiles:
        positions, reason = place_on(stack, tile, minimum_coverage)
        if reason:
            built.skipped[tile.identifier] = reason
            continue
        _add_dates(stack, store, tile.identifier, tile_frame(positions, stack, tile, window, resampling), built)
        if report:
            report(tile)
    refuse_none(built.skipped, len(tiles), stack.name)
    return built


def _add_dates(stack: SlcStack, store: SlcTileStore, identifier: str, frame: TileFrame, built: TilesBuilt) -> None:
    there = set(store.dates(identifier))
    new: list[datetime.date] = [date for date in stack.dates if date not in there]
    built.present += len(stack.dates) - len(new)
    for first in range(0, len(new), _DATES_AT_ONCE):
        dates = new[first : first + _DATES_AT_ONCE]
        slc = stack.window(frame.rows, frame.cols, dates=dates)
        built.written += len(store.write(identifier, slc, dates, frame=frame))


def _facts(stack: SlcStack, window: Window, resampling: str) -> StackFacts:
    return StackFacts(
        window=Window(rows=window.rows, cols=window.cols),
        polarisation=stack.polarisation,
        resampling=resampling,
        orbit=stack.orbit,
        track=stack.track,
        wavelength=stack.wavelength,
        name=stack.name,
    )
