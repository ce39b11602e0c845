"""Tile files: M3LEO's GeoJSON and GeoParquet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from m3leo_sar.grid.legacy_lattice import legacy_areas
from m3leo_sar.grid.tiles import PIXELS, TileGrid
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.io.tables.tile_parquet import PLACE, read_tile_parquet, tile_table, write_tile_parquet

#: Suffixes of GeoParquet, and of GeoJSON; any other file is read as GeoJSON.
_PARQUET, _GEOJSON = (".parquet", ".geoparquet"), (".geojson", ".json")
#: Number of tiles written at once.
_BLOCK = 65_536

Columns = Mapping[str, Sequence[Any]]


def read_tiles(path: str | os.PathLike[str], *, pixels: int = PIXELS, verify: bool = True) -> TileGrid:
    """Read a tile file in its order: GeoJSON as M3LEO publishes it, or GeoJSON or GeoParquet of this library.

    Parameters
    ----------
    path : str or path
        ``.parquet`` or ``.geoparquet`` for GeoParquet, any other name for GeoJSON.
    pixels : int
        Rows and columns of a chip.
    verify : bool
        Check each stored identifier against the tile's corners, at about two microseconds per tile. GeoParquet is
        checked against the hash of its list of identifiers in any case.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no tiles, a tile is neither a rectangle in longitude and latitude nor one of the exact lattice, an
        identifier occurs twice or is not that of its corners; the message names the tile.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    read = read_tile_parquet if file.suffix.lower() in _PARQUET else _read_geojson
    grid = read(file, pixels)
    # Looked up here so that the first tile is found as fast as the next.
    twice = grid.identifiers.positions.first_repeated
    if twice is not None:
        raise ValueError(f"{file}: tile {twice} occurs twice")
    return _verified(grid, file) if verify else grid


def read_tile_columns(path: str | os.PathLike[str]) -> dict[str, list[Any]]:
    """Additional columns of a tile file: ``area_km2``, ``split``, ``original_index``, ...

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no tiles.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix.lower() in _PARQUET:
        table = tile_table(file)
        known = [name for name in table.column_names if name not in ("geometry", "bbox", *PLACE)]
        return {name: table[name].to_pylist() for name in known}
    properties = [feature.get("properties") or {} for feature in _features(file)]
    names = dict.fromkeys(name for entry in properties for name in entry)
    return {name: [entry.get(name) for entry in properties] for name in names}


def write_tiles(
    path: str | os.PathLike[str],
    grid: TileGrid,
    *,
    splits: Mapping[str, str] | None = None,
    columns: Columns | None = None,
) -> None:
    """Write tiles whole or not at all, with ``identifier`` and ``area_km2``.

    Parameters
    ----------
    path : str or path
        ``.parquet`` or ``.geoparquet`` for GeoParquet 1.1, ``.geojson`` or ``.json`` for GeoJSON that M3LEO's tools
        read too.
    grid : TileGrid
        Tiles of either lattice. ``area_km2`` is M3LEO's own figure for the legacy lattice, and the true area of the
        tile's ground for the exact one.
    splits : mapping, optional
        Split of every tile by its identifier.
    columns : mapping of str to sequence, optional
        Additional columns, one value per tile in the order of the grid, such as the miniset's ``original_index``.

    Raises
    ------
    ValueError
        If the suffix is another one, a split is missing, or a column has another length or a name that is taken.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*_PARQUET, *_GEOJSON):
        raise ValueError(f"a tile file must end in {', '.join((*_GEOJSON, *_PARQUET))}, got {path}")
    every: dict[str, Sequence[Any]] = {"identifier": grid.identifiers, "area_km2": _areas(grid)}
    if splits is not None:
        every["split"] = grid.splits_in_order(splits)
    for name, values in (columns or {}).items():
        if name in (*every, "geometry", "bbox", *PLACE) or len(values) != len(grid):
            raise ValueError(
                f"columns must be one value per tile, {len(grid)}, under unused names; "
                f"{name!r} is taken or has {len(values)}"
            )
        every[name] = list(values)
    write = write_tile_parquet if suffix in _PARQUET else _write_geojson
    with atomic_path(path) as partial:
        write(partial, grid, every)


def tile_file_name(aoi: str, grid: TileGrid, *, name: str = "aschips") -> str:
    """Name of a set's tile file, as M3LEO names them: area, name and hash of the list of identifiers.

    Raises
    ------
    ValueError
        If a name holds anything but letters, digits and hyphens; an underscore separates the names.

    Examples
    --------
    >>> tile_file_name("somewhere", TileGrid.legacy((6.0, 49.5, 6.2, 49.7)))
    'somewhere_partitions_aschips_12ae962a1aba1.geojson'
    """
    for word, value in (("aoi", aoi), ("name", name)):
        if not value or not all(letter.isalnum() or letter == "-" for letter in value):
            raise ValueError(f"{word} must be letters, digits and hyphens, got {value!r}")
    return f"{aoi}_partitions_{name}_{grid.list_hash}.geojson"


def _areas(grid: TileGrid) -> list[float]:
    if len(grid) == 0:
        return []
    return (legacy_areas(grid.bounds) if grid.cells is None else grid.areas / 1e6).tolist()


def _write_geojson(file: Path, grid: TileGrid, columns: Columns) -> None:
    """Write one line per tile, so that any number of tiles fits in memory."""
    with file.open("w", encoding="utf-8") as handle:
        handle.write('{"type": "FeatureCollection", "features": [')
        for first in range(0, len(grid), _BLOCK):
            block = slice(first, first + _BLOCK)
            rows = zip(*(values[block] for values in columns.values()), strict=True)
            for number, (values, coordinates) in enumerate(zip(rows, _polygons(grid[block]), strict=True), start=first):
                properties = dict(zip(columns, values, strict=True))
                feature = {"type": "Feature", "properties": properties, "geometry": coordinates}
                handle.write(("," if number else "") + "\n" + json.dumps(feature))
        handle.write("\n]}\n")


def _polygons(grid: TileGrid) -> list[dict[str, Any]]:
    """GeoJSON geometries; those of the legacy lattice in M3LEO's order of corners."""
    if grid.cells is None:
        return [
            {"type": "Polygon", "coordinates": [[[w, s], [w, n], [e, n], [e, s], [w, s]]]}
            for w, s, e, n in grid.bounds.tolist()
        ]
    import shapely

    return [json.loads(text) for text in shapely.to_geojson(grid.footprints)]


def _features(file: Path) -> list[dict[str, Any]]:
    try:
        features = json.loads(limits.read_text(file, largest=limits.LARGEST_TILE_FILE))["features"]
        if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
            raise TypeError("features must be a list of mappings")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} must be a GeoJSON of tile polygons: {type(error).__name__} {error}") from error
    if not features:
        raise ValueError(f"{file} holds no tile")
    return features


def _read_geojson(file: Path, pixels: int) -> TileGrid:
    features = _features(file)
    try:
        rings = [feature["geometry"]["coordinates"][0] for feature in features]
        names = [(feature.get("properties") or {}).get("identifier") for feature in features]
        exact = all(isinstance(name, str) and "-" in name for name in names)
        bounds = None if exact else [_rectangle(ring, file, number) for number, ring in enumerate(rings)]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{file} must be a GeoJSON of tile polygons: {type(error).__name__} {error}") from error
    if exact:
        try:
            return TileGrid.from_identifiers([str(name) for name in names], pixels=pixels)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
    grid = TileGrid(bounds, pixels=pixels)
    stored = [name or computed for name, computed in zip(names, grid.identifiers, strict=True)]
    return TileGrid(bounds, pixels=pixels, identifiers=stored)


def _verified(grid: TileGrid, file: Path) -> TileGrid:
    """The grid; ValueError if an identifier does not match the place of its tile."""
    computed = TileGrid(grid.bounds, pixels=grid.pixels, cells=grid.cells).identifiers
    number = grid.identifiers.first_difference(computed)
    if number is not None:
        raise ValueError(
            f"{file}: tile {number} is named {grid.identifiers[number]}, but its corners give {computed[number]}"
        )
    return grid


def _rectangle(ring: list[list[float]], file: Path, number: int) -> tuple[float, float, float, float]:
    lons, lats = {float(point[0]) for point in ring}, {float(point[1]) for point in ring}
    if len(lons) != 2 or len(lats) != 2:
        raise ValueError(f"{file}: tile {number} must be a rectangle in longitude and latitude")
    return min(lons), min(lats), max(lons), max(lats)
