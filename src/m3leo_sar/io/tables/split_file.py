"""M3LEO's split files: the tiles for training, validation and test."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import atomic_path

_SPLITS = ("train", "val", "test")


def read_splits(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read a splits csv: identifier to ``train``, ``val`` or ``test``, in its order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, a split is unknown, or a tile occurs twice.
    """
    columns = read_split_columns(path)
    return dict(zip(columns["identifier"], columns["split"], strict=True))


def read_split_columns(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Read every column of a splits csv; some published ones have ``original_index`` or ``parquet_identifier`` too.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, a line is short or long, a split is unknown, or a tile occurs twice.
    """
    try:
        return _columns(path, limits.read_text(path, largest=limits.LARGEST_TILE_FILE))
    except csv.Error as error:
        raise ValueError(f"{path} must be a csv: {error}") from error


def _columns(path: str | os.PathLike[str], text: str) -> dict[str, list[str]]:
    with io.StringIO(text, newline="") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        missing = {"identifier", "split"} - set(names)
        if missing:
            raise ValueError(
                f"{path} must have the columns identifier and split, it lacks {', '.join(sorted(missing))}"
            )
        if len(set(names)) != len(names):
            raise ValueError(f"{path} must have each column once, got {', '.join(names)}")
        columns: dict[str, list[str]] = {name: [] for name in names}
        place, seen = (names.index("identifier"), names.index("split")), set()
        for line in reader:
            if len(line) != len(names):
                raise ValueError(f"{path}, line {reader.line_num}: {len(line)} values for {len(names)} columns")
            identifier, split = line[place[0]], line[place[1]]
            if split not in _SPLITS or identifier in seen:
                fault = "occurs twice" if identifier in seen else f"has the unknown split {split!r}"
                raise ValueError(f"{path}, line {reader.line_num}: tile {identifier} {fault}")
            seen.add(identifier)
            for name, value in zip(names, line, strict=True):
                columns[name].append(value)
    return columns


def write_splits(
    path: str | os.PathLike[str],
    splits: Mapping[str, str] | Sequence[str] | NDArray[np.str_],
    *,
    tiles: TileGrid | Sequence[str] | None = None,
    columns: Mapping[str, Sequence[object]] | None = None,
) -> None:
    """Write a splits csv, whole or not at all.

    Parameters
    ----------
    path : str or path
        The file.
    splits : mapping of str to str, or (tiles,) str
        Split of each tile by identifier, or one per tile of ``tiles``, such as
        from :func:`m3leo_sar.grid.splits.banded_split`. Tiles in a buffer are left out.
    tiles : TileGrid or sequence of str, optional
        The tiles, or their identifiers, of splits that come without them.
    columns : mapping of str to sequence, optional
        Additional columns, one value per entry of ``splits``, such as ``original_index`` and ``parquet_identifier``.

    Raises
    ------
    ValueError
        If a split is unknown, or splits or a column have another length than the tiles.
    TypeError
        If splits come without identifiers and no tiles are given, or with both.

    Examples
    --------
    >>> from m3leo_sar import TileGrid
    >>> from m3leo_sar.grid.splits import banded_split
    >>> grid = TileGrid.exact((9.0, 50.0, 9.9, 50.4))
    >>> write_splits("splits.csv", banded_split(grid, bands=5), tiles=grid)  # doctest: +SKIP
    """
    splits = _by_identifier(splits, tiles)
    more = dict(columns or {})
    unknown = sorted(set(splits.values()) - {*_SPLITS, "buffer"})
    if unknown:
        raise ValueError(f"splits must be {', '.join(_SPLITS)} or buffer, got {', '.join(map(repr, unknown))}")
    for name, values in more.items():
        if len(values) != len(splits):
            raise ValueError(f"columns must be one value per tile, {len(splits)}, {name!r} has {len(values)}")
    with atomic_path(Path(path)) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["identifier", "split", *more])
        for line in zip(splits, splits.values(), *more.values(), strict=True):
            if line[1] != "buffer":
                writer.writerow(line)


def _by_identifier(splits: Any, tiles: TileGrid | Sequence[str] | None) -> Mapping[str, str]:
    if isinstance(splits, Mapping):
        if tiles is not None:
            raise TypeError("tiles must be left out where splits are a mapping, which names its tiles")
        return splits
    if tiles is None:
        raise TypeError(f"tiles must be given where splits are {type(splits).__name__} and no mapping of identifiers")
    identifiers = tiles.identifiers if isinstance(tiles, TileGrid) else list(tiles)
    if len(identifiers) != len(splits):
        raise ValueError(f"splits must be one per tile, {len(identifiers)}, got {len(splits)}")
    return {identifier: str(split) for identifier, split in zip(identifiers, splits, strict=True)}


def split_file_name(tile_file: str | os.PathLike[str], *, bands: int, angle: float, fractions: Sequence[float]) -> str:
    """Name of the split file beside a tile file, as M3LEO names them.

    Parameters
    ----------
    tile_file : str or path
        The tile file; its folder and suffix are dropped.
    bands : int
        Number of bands.
    angle : float
        Radians; in tenths in the name.
    fractions : sequence of float
        Shares of train, test and val; in percent in the name.

    Examples
    --------
    >>> split_file_name("aoi_partitions_aschips_293d95e3ee589.geojson", bands=60, angle=0.9, fractions=(3, 1, 1))
    'aoi_partitions_aschips_293d95e3ee589_splits_60bands_angle09_60-20-20.csv'
    """
    shares = "-".join(str(round(100 * share / sum(fractions))) for share in fractions)
    return f"{Path(tile_file).stem}_splits_{bands}bands_angle{round(10 * angle):02d}_{shares}.csv"
