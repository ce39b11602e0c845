"""Tiles in GeoParquet, read into columns of eight bytes per identifier."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.identifier import ListHasher, hash_numbers
from m3leo_sar.grid.identifier_column import HashCoding, IdentifierColumn
from m3leo_sar.grid.lattice_coding import LatticeCoding
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.grid.utm_lattice import UtmCells
from m3leo_sar.io.files.parquet_table import read_columns, read_groups

#: Columns that place a tile of the exact lattice, and their types.
PLACE = {"zone": np.int16, "column": np.int32, "row": np.int32}
#: A tile's corners.
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
#: Number of tiles in a row group, which is read at once.
_BLOCK = 16_384


def write_tile_parquet(file: Path, grid: TileGrid, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write GeoParquet 1.1 with these columns, outlines and the places of an exact lattice, one row group per block."""
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
    types = {name: pa.array(list(values)) for name, values in columns.items()}
    writer = None
    for first in range(0, max(len(grid), 1), _BLOCK):
        part = grid[first : first + _BLOCK]
        table = {name: values.slice(first, len(part)) for name, values in types.items()}
        if part.cells is not None:
            table |= {name: pa.array(getattr(part.cells, name)) for name in PLACE}
        table["bbox"] = pa.StructArray.from_arrays([pa.array(edge.copy()) for edge in part.bounds.T], names=_CORNERS)
        table["geometry"] = pa.array(shapely.to_wkb(part.footprints), pa.binary())
        block = pa.table(table)
        if writer is None:
            writer = pq.ParquetWriter(file, block.schema.with_metadata(metadata), compression="zstd")
        writer.write_table(block.replace_schema_metadata(metadata))
    if writer is not None:
        writer.close()


def tile_table(file: Path) -> Any:
    """All columns of a GeoParquet of tiles as an Arrow table.

    Raises
    ------
    ValueError
        If it is not a readable parquet file.
    """
    try:
        return read_columns(file)
    except ValueError as error:
        raise ValueError(f"{file} must be a GeoParquet of tiles: {error}") from error


def read_tile_parquet(file: Path, pixels: int) -> TileGrid:
    """Tiles of a GeoParquet that this library wrote, checked against the hash of its list of identifiers.

    Raises
    ------
    ValueError
        If it is another file or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        header = pq.read_metadata(file)
        lattice = json.loads((header.metadata or {})[b"m3leo_sar"])
        reading = _Reading(header.num_rows, int(lattice["side"]) if lattice["lattice"] == "exact" else None)
        for table in read_groups(file, ["identifier", "bbox", *reading.place]):
            reading.add(table)
        grid = reading.grid(file, pixels)
    except (pa.ArrowException, KeyError, ValueError, TypeError, json.JSONDecodeError, OSError) as error:
        raise ValueError(
            f"{file} must be a GeoParquet of tiles written by this library: {type(error).__name__} {error}"
        ) from error
    if reading.hasher.text != lattice.get("list_hash"):
        raise ValueError(
            f"{file}: the identifiers hash to {reading.hasher.text}, not to {lattice.get('list_hash')} as written"
        )
    return grid


class _Reading:
    """Columns that fill with row groups, of which only one is in memory.

    Parameters
    ----------
    count : int
        Number of tiles.
    side : int or None
        Side of the tiles of an exact lattice.
    """

    def __init__(self, count: int, side: int | None) -> None:
        self.bounds, self.hasher, self.side = np.empty((count, 4)), ListHasher(), side
        self.place = {} if side is None else {name: np.empty(count, kind) for name, kind in PLACE.items()}
        self.codes = np.empty(count if side is None else 0, np.uint64)
        self.count, self.follows_rule = 0, True

    def add(self, table: Any) -> None:
        """Add the tiles of a row group."""
        rows = slice(self.count, self.count + len(table))
        box = table["bbox"].combine_chunks()
        for edge, corner in enumerate(_CORNERS):
            self.bounds[rows, edge] = _numbers(box.field(corner))
        for name, column in self.place.items():
            column[rows] = _numbers(table[name].combine_chunks())
        joined = " ".join(table["identifier"].to_pylist()).encode()
        if len(table):
            self.hasher.add(joined)
        self._add_identifiers(joined, rows)
        self.count = rows.stop

    def _add_identifiers(self, joined: bytes, rows: slice) -> None:
        if self.side is not None:
            self.follows_rule &= joined == LatticeCoding(self.side).joined(self._cells(rows).identifiers.codes)
            return
        numbers = hash_numbers(joined, rows.stop - rows.start)
        self.follows_rule &= numbers is not None
        if numbers is not None:
            self.codes[rows] = numbers

    def _cells(self, rows: slice) -> UtmCells:
        assert self.side is not None
        return UtmCells(**{name: column[rows] for name, column in self.place.items()}, side=self.side)

    def grid(self, file: Path, pixels: int) -> TileGrid:
        """The tiles; identifiers that follow no rule are read again as texts."""
        cells = None if self.side is None else self._cells(slice(None))
        identifiers: Sequence[str] | None = None
        if not self.follows_rule:
            identifiers = [
                text for table in read_groups(file, ["identifier"]) for text in table["identifier"].to_pylist()
            ]
        elif cells is None:
            identifiers = IdentifierColumn(self.codes, HashCoding())
        return TileGrid(self.bounds, pixels=pixels, cells=cells, identifiers=identifiers)


def _numbers(array: Any) -> NDArray[Any]:
    """Numbers of an Arrow array; its own ``to_numpy`` imports pandas, which takes as long as reading all tiles."""
    if array.null_count:
        raise ValueError(f"{array.null_count} numbers are missing")
    return np.from_dlpack(array)
