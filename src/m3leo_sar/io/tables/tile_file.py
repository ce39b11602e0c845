"""Tile files: M3LEO's GeoJSON and GeoParquet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.grid.legacy_lattice import legacy_areas
from m3leo_sar.grid.tiles import PIXELS, TileGrid
from m3leo_sar.grid.utm_lattice import UtmCells
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.io.files.parquet_table import read_columns

#: Suffixes of GeoParquet, and of GeoJSON; any other file is read as GeoJSON.
_PARQUET, _GEOJSON = (".parquet", ".geoparquet"), (".geojson", ".json")
#: Number of tiles written at once.
_BLOCK = 65_536
#: Columns that place a tile of the exact lattice, and a tile's corners.
_PLACE, _CORNERS = ("zone", "column", "row"), ("xmin", "ymin", "xmax", "ymax")

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
    read = _read_parquet if file.suffix.lower() in _PARQUET else _read_geojson
    grid = read(file, pixels)
    # Looked up here so that the first tile is found as fast as the next.
    if len(grid.positions) != len(grid):
        seen: set[str] = set()
        twice = next(name for name in grid.identifiers if name in seen or seen.add(name))  # type: ignore[func-returns-value]
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
        table = _parquet_table(file, None)
        known = [name for name in table.column_names if name not in ("geometry", "bbox", *_PLACE)]
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
        if name in (*every, "geometry", "bbox", *_PLACE) or len(values) != len(grid):
            raise ValueError(
                f"columns must be one value per tile, {len(grid)}, under unused names; "
                f"{name!r} is taken or has {len(values)}"
            )
        every[name] = list(values)
    write = _write_parquet if suffix in _PARQUET else _write_geojson
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
            part = grid[first : first + _BLOCK]
            for number, coordinates in enumerate(_polygons(part), start=first):
                properties = {name: values[number] for name, values in columns.items()}
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


def _write_parquet(file: Path, grid: TileGrid, columns: Columns) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shapely

    lattice: dict[str, Any] = {"lattice": "legacy", "list_hash": grid.list_hash}
    if grid.cells is not None:
        lattice = {**lattice, "lattice": "exact", "side": grid.cells.side}
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": ["Polygon", "MultiPolygon"],
                "covering": {"bbox": {corner: ["bbox", corner] for corner in _CORNERS}},
            }
        },
    }
    metadata = {"geo": json.dumps(geo), "m3leo_sar": json.dumps(lattice)}
    types = {name: pa.array(values) for name, values in columns.items()}
    writer = None
    for first in range(0, max(len(grid), 1), _BLOCK):
        part = grid[first : first + _BLOCK]
        table = {name: values.slice(first, len(part)) for name, values in types.items()}
        if part.cells is not None:
            table |= {name: pa.array(getattr(part.cells, name)) for name in _PLACE}
        table["bbox"] = pa.StructArray.from_arrays([pa.array(edge.copy()) for edge in part.bounds.T], names=_CORNERS)
        table["geometry"] = pa.array(shapely.to_wkb(part.footprints), pa.binary())
        block = pa.table(table)
        if writer is None:
            writer = pq.ParquetWriter(file, block.schema.with_metadata(metadata), compression="zstd")
        writer.write_table(block.replace_schema_metadata(metadata))
    if writer is not None:
        writer.close()


def _parquet_table(file: Path, columns: list[str] | None) -> Any:
    try:
        return read_columns(file, columns)
    except ValueError as error:
        raise ValueError(f"{file} must be a GeoParquet of tiles: {error}") from error


def _read_parquet(file: Path, pixels: int) -> TileGrid:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
        lattice = json.loads((schema.metadata or {})[b"m3leo_sar"])
        exact = lattice["lattice"] == "exact"
        wanted = ["identifier", "bbox", *(_PLACE if exact else ())]
        table = _parquet_table(file, wanted)
        identifiers = table["identifier"].to_pylist()
        bbox = table["bbox"].combine_chunks()
        bounds = np.stack([bbox.field(corner).to_numpy(zero_copy_only=False) for corner in _CORNERS], axis=1)
        place = {name: table[name].to_numpy() for name in _PLACE} if exact else {}
        cells = UtmCells(**place, side=int(lattice["side"])) if exact else None
    except (pa.ArrowException, KeyError, ValueError, TypeError, json.JSONDecodeError, OSError) as error:
        raise ValueError(
            f"{file} must be a GeoParquet of tiles written by this library: {type(error).__name__} {error}"
        ) from error
    grid = TileGrid(bounds, pixels=pixels, cells=cells, identifiers=identifiers)
    if grid.list_hash != lattice.get("list_hash"):
        raise ValueError(
            f"{file}: the identifiers hash to {grid.list_hash}, not to {lattice.get('list_hash')} as written"
        )
    return grid


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
    plain = TileGrid(grid.bounds, pixels=grid.pixels, cells=grid.cells)
    for number, (stored, computed) in enumerate(zip(grid.identifiers, plain.identifiers, strict=True)):
        if stored != computed:
            raise ValueError(f"{file}: tile {number} is named {stored}, but its corners give {computed}")
    return grid


def _rectangle(ring: list[list[float]], file: Path, number: int) -> tuple[float, float, float, float]:
    lons, lats = {float(point[0]) for point in ring}, {float(point[1]) for point in ring}
    if len(lons) != 2 or len(lats) != 2:
        raise ValueError(f"{file}: tile {number} must be a rectangle in longitude and latitude")
    return min(lons), min(lats), max(lons), max(lats)
