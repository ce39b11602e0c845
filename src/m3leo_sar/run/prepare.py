"""From a stack, pairs and tiles to a chip archive; what is there already is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.products.recipe import UNKNOWN, Origin, Recipe
from m3leo_sar.products.tile_maker import Task, TileMaker
from m3leo_sar.stack.slc import SlcStack

#: A raster and where it lies.
Label = tuple[NDArray[Any], GeoBox]


@dataclass
class Summary:
    """What a run did."""

    #: Chips computed, by product.
    computed: dict[str, int] = field(default_factory=dict)
    #: Chips that were there already, with the same parameters.
    present: int = 0
    #: Tiles left out and why.
    skipped: dict[str, str] = field(default_factory=dict)
    #: Tiles that could not be made and why; another run tries them again.
    failed: dict[str, str] = field(default_factory=dict)

    def note(self, identifier: str, state: str, reason: str, counts: Mapping[str, int]) -> None:
        """Note a tile that is ``done``, ``skipped`` or ``failed``, why, and its chips by product."""
        if state == "skipped":
            self.skipped[identifier] = reason
        elif state == "failed":
            self.failed[identifier] = reason
        for dataset, count in counts.items():
            self.computed[dataset] = self.computed.get(dataset, 0) + count


def prepare(
    stack: SlcStack,
    archive: ChipArchive,
    tiles: Sequence[Tile],
    recipe: Recipe,
    *,
    labels: Mapping[str, Label] | None = None,
    origin: Origin = UNKNOWN,
    report: Callable[[Tile], None] | None = None,
) -> Summary:
    """Compute every chip of the recipe that the archive does not hold, in this process.

    Each tile is a pure function of the stack and the recipe. Its part of the stack, with the halo of the window, is
    read once for all its pairs, and every product uses one map of positions. For stacks on disk,
    :func:`m3leo_sar.run.update.bring_up_to_date` does the same with several processes and notes what is done.

    Parameters
    ----------
    stack : SlcStack
    archive : ChipArchive
    tiles : sequence of Tile
    recipe : Recipe
    labels : mapping of str to (array, GeoBox), optional
        Rasters to be cut too.
    origin : Origin
        Checksums and names of the stack's files; a chip made from others is computed again.
    report : callable, optional
        Called with each tile that is settled.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        If no pair or tile is given, a pair's date is missing, or every tile lies off the stack.
    OSError
        If a chip cannot be written; the chips before it stay, and nothing half written does.
    """
    require_work(stack, tiles, recipe)
    rasters = {name: _in_memory(*label) for name, label in (labels or {}).items()}
    maker = TileMaker(stack, archive, recipe, rasters, origin)
    summary = Summary()
    for tile in tiles:
        wanted = maker.wanted(tile)
        lacking = [
            name
            for name, parameters in wanted.items()
            if not archive.has(tile.identifier, *name.split("/"), parameters=parameters)
        ]
        summary.present += len(wanted) - len(lacking)
        if lacking:
            made = maker.make(Task(tile, lacking))
            state = "skipped" if made.skipped else "done"
            summary.note(tile.identifier, state, made.skipped, made.counts)
        if report:
            report(tile)
    refuse_none(summary.skipped, len(tiles), stack.name)
    return summary


def require_work(stack: SlcStack, tiles: Sized, recipe: Recipe) -> None:
    """Refuse what leaves nothing to do, or asks for what the stack lacks.

    Raises
    ------
    ValueError
        If no pair or tile is given, or a pair's date is missing.
    """
    if not recipe.pairs:
        raise ValueError("pairs must hold at least one pair, got none")
    if not len(tiles):
        raise ValueError("tiles must hold at least one tile, got none")
    stack.pair_indices(recipe.pairs)


def refuse_none(skipped: Mapping[str, str], tiles: int, name: str) -> None:
    """Refuse tiles that all lie off a stack, by why each was left out.

    Raises
    ------
    ValueError
        If they do; the message tells why the first was left out.
    """
    if len(skipped) == tiles:
        reason = next(iter(skipped.values()))
        raise ValueError(f"none of the {tiles} tiles can be made from {name}: {reason}")


def _in_memory(array: NDArray[Any], geobox: GeoBox) -> LabelRaster:
    return LabelRaster(geobox, partial(_part, array))


def _part(array: NDArray[Any], rows: slice, cols: slice) -> NDArray[Any]:
    return array[rows, cols]
