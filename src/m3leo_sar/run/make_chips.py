"""From a stack in memory, a recipe and tiles to a chip archive; existing chips are not computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from functools import partial
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import settings_of, warn_of_other_settings
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.products.recipe import UNKNOWN, Origin, Recipe
from m3leo_sar.products.tile_maker import Task, TileMaker
from m3leo_sar.run.loop import Answer, Here, Loop, Outcome, Summary, refuse_none
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.slc import SlcStack

#: A raster and its grid.
Label = tuple[NDArray[Any], GeoBox]


def make_chips(
    stack: SlcStack | BurstSet,
    archive: ChipArchive,
    tiles: Sequence[Tile],
    recipe: Recipe,
    *,
    labels: Mapping[str, Label] | None = None,
    origin: Origin = UNKNOWN,
    report: Callable[[Outcome], Any] | None = None,
) -> Summary:
    """Compute every missing chip of the recipe, in this process.

    Each tile is a pure function of the stack and the recipe. Its part of the stack, with the halo of the window, is
    read once for all its pairs, and every product uses one map of positions. For stacks on disk,
    :func:`m3leo_sar.run.update.bring_up_to_date` does the same with several processes and a ledger.

    Parameters
    ----------
    stack : SlcStack or BurstSet
    archive : ChipArchive
    tiles : sequence of Tile
    recipe : Recipe
    labels : mapping of str to (array, GeoBox), optional
        Rasters to be cut too.
    origin : Origin
        Checksums and names of the stack's files; a chip from other files is computed again.
    report : callable, optional
        Called with the outcome of each tile.

    Warns
    -----
    OtherSettingsWarning
        If chips of the archive have another window, mask or other setting.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        If no pair or tile is given, a pair's date is missing, or every tile lies off the stack.
    OSError
        If a chip cannot be written; earlier chips are kept, and no half-written file remains.
    """
    require_work(stack, tiles, recipe)
    rasters = {name: _in_memory(*label) for name, label in (labels or {}).items()}
    maker = TileMaker(stack, archive, recipe, rasters, origin)
    warn_of_other_settings(archive, settings_of(maker.wanted(tiles[0])))
    loop: Loop[Task] = Loop(report=report)
    summary = loop.over(_claim(tiles, maker, loop), Here(lambda task: _made(task, maker)))
    refuse_none(summary.skipped, len(tiles), stack.name)
    return summary


def _claim(tiles: Sequence[Tile], maker: TileMaker, loop: Loop[Task]) -> Iterator[Task]:
    """Tiles with their missing chips."""
    for tile in tiles:
        wanted = maker.wanted(tile)
        lacking = [
            name
            for name, parameters in wanted.items()
            if not maker.archive.has(tile.identifier, *_product_and_key(name), parameters=parameters)
        ]
        if lacking:
            loop.summary.present += len(wanted) - len(lacking)
            yield Task(tile, lacking)
        else:
            loop.present(tile.identifier, len(wanted))


def _product_and_key(name: str) -> tuple[str, str]:
    dataset, _, key = name.partition("/")
    return dataset, key


def _made(task: Task, maker: TileMaker) -> Answer:
    made = maker.make(task)
    state = "skipped" if made.skipped else "done"
    outcome = Outcome(
        identifier=task.tile.identifier, state=state, reason=made.skipped, counts=made.counts, bytes=made.bytes
    )
    return Answer([outcome])


def require_work(stack: SlcStack | BurstSet, tiles: Sized, recipe: Recipe) -> None:
    """Refuse empty requests and dates that the stack lacks.

    Raises
    ------
    ValueError
        If no pair or tile is given, a pair's date is missing, or the window is larger than the images.
    """
    if not recipe.pairs:
        raise ValueError("pairs must hold at least one pair, got none")
    if not len(tiles):
        raise ValueError("tiles must hold at least one tile, got none")
    require_window(stack, recipe.window)
    stack.pair_indices(recipe.pairs)


def require_window(stack: SlcStack | BurstSet, window: Window) -> None:
    """Refuse a window that no image of a stack holds.

    Raises
    ------
    ValueError
        If it has more rows or columns than the largest image.
    """
    rows, cols = stack.shape[1:] if isinstance(stack, SlcStack) else stack.largest_shape
    if window.rows > rows or window.cols > cols:
        raise ValueError(
            f"window must fit in the images of {rows} x {cols} pixels (rows x columns), got {window.rows} x "
            f"{window.cols}"
        )


def _in_memory(array: NDArray[Any], geobox: GeoBox) -> LabelRaster:
    return LabelRaster(geobox, partial(_part, array))


def _part(array: NDArray[Any], rows: slice, cols: slice) -> NDArray[Any]:
    return array[rows, cols]
