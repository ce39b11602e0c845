"""Pairs, tiles and areas as named on the command line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.grid import antimeridian
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.grid.footprint import footprint as footprint_of
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.regions import REGIONS
from m3leo_sar.grid.tiles import PIXELS, TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_index import INDEX
from m3leo_sar.io.tables.area_file import read_area
from m3leo_sar.io.tables.tile_file import read_tiles
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.pairs import Pair, all_pairs, explicit_pairs, of_season, pairs_by_days, sequential_pairs
from m3leo_sar.stack.slc import SlcStack

RULES = ("all", "sequential", "days")
LATTICES = ("legacy", "exact")
_LOGGER = logging.getLogger(__name__)


def choose_pairs(
    stack: SlcStack | BurstSet,
    *,
    rule: str = "all",
    max_days: int | None = None,
    days: Sequence[int] = (),
    season: str | None = None,
    named: Sequence[str] = (),
) -> list[Pair]:
    """Pairs of a stack by rule or by name; season and ``max_days`` leave out the others.

    Raises
    ------
    ValueError
        If the rule is unknown or takes no ``days``, pairs are named beside a rule, a named date is missing, or no
        pair is left; the message states the gaps between the stack's dates.
    """
    if rule not in RULES:
        raise ValueError(f"pairs must be one of {', '.join(RULES)}, got {rule!r}")
    if rule == "sequential" and days:
        raise ValueError("days apply to the rules all and days, not to sequential")
    if named:
        if rule != "all" or days or season or max_days is not None:
            raise ValueError("pairs must be named or chosen by a rule, days, max-days and season, got both")
        return explicit_pairs(stack.passings, named)
    if len(stack.dates) == 1:
        raise ValueError(f"{stack.name} holds one date ({stack.dates[0]}); a pair needs two")
    if rule == "days" or days:
        pairs = pairs_by_days(stack.passings, days=tuple(days) or (12, 24, 36, 48))
    else:
        pairs = sequential_pairs(stack.passings) if rule == "sequential" else all_pairs(stack.passings)
    pairs = pairs if season is None else of_season(pairs, season)
    pairs = [pair for pair in pairs if max_days is None or pair.days <= max_days]
    if not pairs:
        gaps = sorted({pair.days for pair in all_pairs(stack.passings)})
        raise ValueError(
            f"no pair of the {len(stack.dates)} dates fits the rule; they are {', '.join(map(str, gaps[:12])) or 'no'}"
            " days apart"
        )
    return pairs


def choose_tiles(
    stack: SlcStack | BurstSet,
    *,
    aoi: str | None = None,
    tiles: Path | None = None,
    lattice: str = "legacy",
    pixels: int = PIXELS,
) -> TileGrid:
    """Tiles of a file, of a lattice over an area (a file, a region's name, WKT), or over the stack's own footprint.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or holds no area or tiles, both are named, the lattice is unknown, or no tile touches the
        stack.
    """
    if tiles is not None and aoi is not None:
        raise ValueError("tiles must come from a tile file or an area, got both")
    if tiles is not None:
        grid = named_tiles(tiles, pixels=pixels)
    else:
        if lattice not in LATTICES:
            raise ValueError(f"lattice must be one of {', '.join(LATTICES)}, got {lattice!r}")
        area = footprint(stack) if aoi is None else named_area(aoi)
        # A region is cut to the stack: exact tiles do not depend on the area, unlike those of the legacy lattice.
        if lattice == "exact":
            grid = TileGrid.exact(_common(area, footprint(stack), stack), pixels=pixels)
        else:
            grid = _legacy_over(area, stack if aoi is None else None, pixels)
    touching = grid.select(_bounds(stack))
    if len(touching) == 0:
        raise ValueError(f"none of the {len(grid)} tiles touches {stack.name}, whose bounds are {_bounds_text(stack)}")
    _LOGGER.info("%d of %d tiles of the %s lattice touch %s", len(touching), len(grid), lattice_of(grid), stack.name)
    return touching


def _legacy_over(area: Any, stack: SlcStack | BurstSet | None, pixels: int) -> TileGrid:
    """Tiles of the legacy lattice; an error names the stack whose footprint the area is."""
    try:
        return TileGrid.legacy(area, pixels=pixels)
    except ValueError as error:
        if stack is None or not str(error).startswith("aoi "):
            raise
        raise ValueError(f"the footprint of {stack.name}{str(error).removeprefix('aoi')}") from error


def tiles_over(
    *, aoi: str | None = None, tiles: Path | None = None, lattice: str = "legacy", pixels: int = PIXELS
) -> TileGrid:
    """Tiles of a file, or of a lattice over an area: a file, a region's name, bounds, or WKT.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If none or both of the two are given, a file holds no area or tiles, or the lattice is unknown.
    """
    if (aoi is None) == (tiles is None):
        raise ValueError(f"give either tiles or aoi, got tiles {tiles} and aoi {aoi!r}")
    if tiles is not None:
        return named_tiles(tiles, pixels=pixels)
    if lattice not in LATTICES:
        raise ValueError(f"lattice must be one of {', '.join(LATTICES)}, got {lattice!r}")
    make = TileGrid.exact if lattice == "exact" else TileGrid.legacy
    return make(named_area(str(aoi)), pixels=pixels)


def named_tiles(path: Path, *, pixels: int = PIXELS) -> TileGrid:
    """Tiles of a tile file, of a chip archive, or of an archive's index (``index.parquet``).

    Raises
    ------
    FileNotFoundError, ValueError
        If there is nothing at the path, or it holds no tiles.
    """
    if path.is_dir():
        return archive_tiles(ChipArchive(path))
    if path.name == INDEX and path.is_file():
        return archive_tiles(ChipArchive(path.parent))
    return read_tiles(path, pixels=pixels)


def archive_tiles(archive: ChipArchive) -> TileGrid:
    """Tiles with a chip in an archive, exactly as they were cut.

    Raises
    ------
    ValueError
        If it holds no chip, or the chips of its tiles differ in size.
    """
    boxes = {identifier: box for identifier in archive.identifiers if (box := _box_of(archive, identifier)) is not None}
    sizes = {box.shape for box in boxes.values()}
    if len(sizes) != 1 or (pixels := next(iter(sizes))[0]) != next(iter(sizes))[1]:
        found = ", ".join(f"{rows} x {cols}" for rows, cols in sorted(sizes))
        raise ValueError(f"{archive.root} must hold chips of one square size, got {found or 'no chip'}")
    if all("-" in identifier for identifier in boxes):
        return TileGrid.from_identifiers(boxes, pixels=pixels)
    other = next((name for name, box in boxes.items() if box.crs != "EPSG:4326"), None)
    if other is not None:
        raise ValueError(f"{archive.root}: tile {other} lies on neither lattice; give a tile file")
    return TileGrid([box.bounds for box in boxes.values()], pixels=pixels, identifiers=list(boxes))


def _box_of(archive: ChipArchive, identifier: str) -> GeoBox | None:
    """Grid of a tile's chips."""
    for dataset in archive.datasets(identifier):
        for key in archive.keys(identifier, dataset):
            return archive.facts(identifier, dataset, key)[0]
    return None


def lattice_of(grid: TileGrid) -> str:
    """Name of the lattice of tiles."""
    return "legacy" if grid.cells is None else "exact"


def footprint(stack: SlcStack | BurstSet) -> Any:
    """Outline of a stack in longitude and latitude: a shapely polygon, cut at the 180th meridian."""
    if isinstance(stack, BurstSet):
        import shapely

        return shapely.union_all([footprint(burst) for burst in stack.bursts])
    if isinstance(stack.geometry, GeoBox):
        return footprint_of(stack.geometry)
    return antimeridian.boxes_on_globe([_bounds(stack)])[0]


def named_area(aoi: str) -> Any:
    """Area by a region's name, as bounds, WKT or GeoJSON text, or in a file.

    Parameters
    ----------
    aoi : str
        Such as ``"conus"``, ``"5.9,49.5,6.2,49.7"`` (west, south, east, north in degrees), a polygon in WKT, or the
        path of a vector file or of a raster, whose outline is taken.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing, there is no area in it, or the numbers are not four.
    """
    numbers = _numbers_of(aoi)
    if len(numbers) == 4:
        return aoi_polygon(numbers)
    if len(numbers) > 1:
        raise ValueError(f"aoi must be four numbers WEST,SOUTH,EAST,NORTH, got {len(numbers)}: {aoi}")
    if aoi in REGIONS or "(" in aoi or aoi.lstrip().startswith("{"):
        return aoi_polygon(aoi)
    return read_area(aoi)


def _numbers_of(text: str) -> tuple[float, ...]:
    """Numbers of a text that holds nothing else."""
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        return ()


def _common(area: Any, outline: Any, stack: SlcStack | BurstSet) -> Any:
    import shapely

    common = shapely.intersection(area, outline)
    if common.area == 0:
        raise ValueError(f"the area of interest does not touch {stack.name}, whose bounds are {_bounds_text(stack)}")
    return common


def _bounds(stack: SlcStack | BurstSet) -> antimeridian.Bounds:
    if isinstance(stack, BurstSet):
        return stack.bounds
    if isinstance(stack.geometry, GeoBox):
        return stack.geometry.bounds_in("EPSG:4326")
    bounds = stack.geometry.bounds
    if np.isnan(bounds[0]):
        raise ValueError(f"{stack.name}: latitude and longitude must be known in some pixel, got no known pixel")
    return bounds


def _bounds_text(stack: SlcStack | BurstSet) -> str:
    return ", ".join(f"{edge:.4f}" for edge in _bounds(stack))
