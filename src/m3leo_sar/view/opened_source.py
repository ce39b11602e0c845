"""The source of an explorer: a stack, a store of SLC tiles or a chip archive, by its path or opened before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive, is_chip_archive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, is_slc_tile_store, stored_polarisations
from m3leo_sar.io.remote.remote_address import file_at
from m3leo_sar.io.stacks.with_nodata import with_nodata
from m3leo_sar.products.flattening import flat_stack, with_word
from m3leo_sar.run.catalogue import open_catalogue, with_flattening
from m3leo_sar.run.choices import choose_tiles
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.view.stack_parts import StackParts
from m3leo_sar.view.store_parts import StoreParts
from m3leo_sar.view.stored_chips import StoredChips

Source = StackParts | StoreParts | StoredChips


def opened_source(
    source: Any,
    *,
    tiles: Any = None,
    lattice: str | None = None,
    flattened: bool | None = None,
    nodata: float | None = None,
    **options: Any,
) -> Source:
    """Open what an explorer shows.

    Parameters
    ----------
    source : path, SlcStack, BurstSet, SlcTileStore or ChipArchive
    tiles : TileGrid or path, optional
        Of a stack.
    lattice : {"legacy", "exact"}, optional
        Of the tiles of a stack, if ``tiles`` is not given.
    flattened : bool, optional
    nodata : float, optional
    **options
        ``burst``, ``polarisation``, ``frequency`` and ``reader`` of a stack on disk.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it is none of these, or options of a stack are given with another source.
    """
    held = _held(source)
    given = {"tiles": tiles, "lattice": lattice, "flattened": flattened, "nodata": nodata, **options}
    given = {name: value for name, value in given.items() if value is not None}
    if isinstance(held, ChipArchive | SlcTileStore):
        if given:
            raise ValueError(f"{', '.join(given)} must be left out, as {held.root} is not a stack")
        return StoredChips(held) if isinstance(held, ChipArchive) else StoreParts(held)
    if isinstance(held, SlcStack | BurstSet):
        stack: SlcStack | BurstSet = with_nodata(held, nodata) if isinstance(held, SlcStack) else held
        stack = flat_stack(with_word(stack, flattened))
        return StackParts(stack, tiles_of(stack, tiles, lattice))
    catalogue = with_flattening(open_catalogue(source, nodata=nodata, **options), flattened)
    path = file_at(source) if isinstance(source, str | os.PathLike) else None
    shown = {name: value for name, value in given.items() if name not in ("tiles", "lattice")}
    tiles = tiles_of(catalogue.stack, tiles, lattice)
    return StackParts(catalogue.stack, tiles, path, shown, is_as_read="flatten" not in catalogue.source)


def _held(source: Any) -> Any:
    """An archive or a store at a local path, else the source as it is."""
    if not isinstance(source, str | os.PathLike) or not isinstance(place := file_at(source), Path):
        return source
    if is_chip_archive(place):
        return ChipArchive(place)
    if is_slc_tile_store(place):
        return SlcTileStore(place, polarisation="+".join(stored_polarisations(place)))
    return source


def tiles_of(stack: SlcStack | BurstSet, tiles: Any, lattice: str | None) -> dict[str, GeoBox]:
    """Tiles on a stack by their identifiers.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`m3leo_sar.run.choices.choose_tiles`.
    """
    if isinstance(tiles, TileGrid):
        grid = tiles
    elif tiles is not None or lattice is not None:
        grid = choose_tiles(stack, tiles=None if tiles is None else Path(tiles), lattice=lattice or "legacy")
    else:
        try:
            grid = choose_tiles(stack)
        except ValueError:
            # Smaller than one step of M3LEO's lattice.
            grid = choose_tiles(stack, lattice="exact")
    return {tile.identifier: tile.geobox for tile in grid}
