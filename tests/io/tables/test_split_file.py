"""Splits of a grid go into M3LEO's file as they come from the function that makes them."""

from __future__ import annotations

import pytest

from m3leo_sar import TileGrid
from m3leo_sar.grid.splits import banded_split
from m3leo_sar.io.tables.split_file import read_splits, write_splits

GRID = TileGrid.exact((9.0, 50.0, 9.9, 50.4))


@pytest.mark.parametrize("buffer", [0.0, 5000.0])
def test_splits_of_a_grid_are_written_with_their_tiles(tmp_path, buffer):
    splits = banded_split(GRID, bands=5, buffer=buffer)
    expected = {tile.identifier: split for tile, split in zip(GRID, splits, strict=True) if split != "buffer"}
    for number, tiles in enumerate((GRID, GRID.identifiers)):
        write_splits(tmp_path / f"{number}.csv", splits, tiles=tiles)
        assert read_splits(tmp_path / f"{number}.csv") == expected


def test_splits_without_their_tiles_are_refused(tmp_path):
    splits = banded_split(GRID, bands=5)
    path = tmp_path / "s.csv"
    with pytest.raises(TypeError, match=r"tiles must be given where splits are ndarray and no mapping"):
        write_splits(path, splits)
    with pytest.raises(ValueError, match=rf"splits must be one per tile, {len(GRID)}, got {len(GRID) - 1}"):
        write_splits(path, splits[1:], tiles=GRID)
    with pytest.raises(TypeError, match=r"tiles must be left out where splits are a mapping"):
        write_splits(path, {"a": "train"}, tiles=["a"])
    assert not path.exists()
