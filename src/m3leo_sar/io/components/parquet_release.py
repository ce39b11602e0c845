"""Chips read directly from M3LEO's parquet shards, without extraction."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from m3leo_sar.io.components.component import ComponentChip, read_component
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.parquet_table import read_columns
from m3leo_sar.io.tables.split_file import read_split_columns

#: A name within a folder; a path that leads elsewhere, or resembles another name, is refused.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class ParquetRelease:
    """Random access to the chips of a release in parquet shards.

    Parameters
    ----------
    root : str or path
        Folder with one folder of shards per data set, ``<dataset>/<parquet identifier>.zstd.parquet``; each row is the
        ``path``, the dataset ``ds`` and the ``content`` of one chip's file.
    shards : mapping of str to str
        Parquet identifier of each tile: :func:`shards_of` reads it from the ``_parquet`` split file.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """

    def __init__(self, root: str | os.PathLike[str], shards: Mapping[str, str]) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f"there is no folder {self.root}")
        self.shards = dict(shards)

    def content(self, identifier: str, dataset: str) -> bytes:
        """Bytes of one chip's file.

        Only the column of paths and the row group of the chip are read.

        Raises
        ------
        KeyError
            If the tile is in no shard, or the shard does not hold it.
        FileNotFoundError
            If the shard does not exist.
        ValueError
            If the shard is damaged or has other columns, holds the tile twice or in too large a size, or a name or
            link would lead out of the release.
        """
        if identifier not in self.shards:
            raise KeyError(f"tile {identifier} is in no shard of {self.root}")
        for name in (dataset, self.shards[identifier]):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name of a dataset or shard")
        shard = self.root / dataset / f"{self.shards[identifier]}.zstd.parquet"
        if not shard.is_file():
            raise FileNotFoundError(f"there is no file {shard}")
        if self.root.resolve() not in shard.resolve().parents:
            raise ValueError(f"{shard} must lie in the release, it is a link that leads out of it")
        places = _places(shard, shard.stat().st_mtime_ns)
        if identifier not in places:
            raise KeyError(f"tile {identifier} is not in {shard}")
        group, row = places[identifier]
        content = _column(shard, "content", group)[row].as_py()
        if not isinstance(content, bytes):
            raise ValueError(f"{shard.name} must hold the bytes of tile {identifier}, got {type(content).__name__}")
        limits.require_size(f"tile {identifier} of {shard.name}", len(content), limits.LARGEST_CHIP)
        return content

    def chip(self, identifier: str, dataset: str) -> ComponentChip:
        """One chip of a GeoTIFF component, decoded in memory.

        Raises
        ------
        KeyError, FileNotFoundError, ValueError
            As for `content`, and if the file is not a chip of the data set's component.
        """
        from rasterio.io import MemoryFile

        content = self.content(identifier, dataset)
        # In a folder of the data set's name, which states component and year.
        with MemoryFile(content, filename=f"{identifier}.tif", dirname=dataset) as memory:
            return read_component(memory.name)


def shards_of(path: str | os.PathLike[str]) -> dict[str, str]:
    """Parquet identifier of each tile, from a split file of the parquet release.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it has no column ``parquet_identifier``.
    """
    columns = read_split_columns(path)
    if "parquet_identifier" not in columns:
        raise ValueError(f"{path} must have the column parquet_identifier, it has {', '.join(columns)}")
    return dict(zip(columns["identifier"], columns["parquet_identifier"], strict=True))


@lru_cache(maxsize=256)
def _places(shard: Path, changed: int) -> dict[str, tuple[int, int]]:
    """Row group and row of each tile of a shard."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(shard) as file:
            groups = file.num_row_groups
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{shard.name} is not a parquet shard: {error}") from error
    places: dict[str, tuple[int, int]] = {}
    for group in range(groups):
        for row, path in enumerate(_column(shard, "path", group).to_pylist()):
            if not isinstance(path, str):
                raise ValueError(f"{shard.name} is not a parquet shard of chips: path {row} is {type(path).__name__}")
            # Only the file's name is used, not its stated folder.
            identifier = PurePosixPath(path).stem
            if identifier in places:
                raise ValueError(f"{shard.name} holds tile {identifier} twice")
            places[identifier] = (group, row)
    return places


def _column(shard: Path, name: str, group: int) -> Any:
    try:
        table = read_columns(shard, [name], group=group)
        if name not in table.column_names:
            raise ValueError(f"it has no column {name}")
        return table[name]
    except ValueError as error:
        raise ValueError(f"{shard.name} is not a parquet shard of chips: {error}") from error
