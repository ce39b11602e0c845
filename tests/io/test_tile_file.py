import json

import pytest

from m3leo_sar import TileGrid
from m3leo_sar.io.tile_file import read_splits, read_tiles, write_splits, write_tiles

GRID = TileGrid.legacy("POLYGON ((6.0 49.5, 6.2 49.5, 6.2 49.7, 6.0 49.7, 6.0 49.5))")


def test_tiles_round_trip_bit_for_bit(tmp_path):
    splits = dict.fromkeys(GRID.identifiers, "train")
    write_tiles(tmp_path / "tiles.geojson", GRID, splits=splits)
    back = read_tiles(tmp_path / "tiles.geojson")
    assert back.identifiers == GRID.identifiers
    assert (back.bounds == GRID.bounds).all()
    first = json.loads((tmp_path / "tiles.geojson").read_text())["features"][0]
    assert first["properties"]["split"] == "train"


def test_real_tiles(shared_data):
    grid = read_tiles(shared_data / "m3leo-tiles" / "massachusetts_1285.geojson")
    assert len(grid) == 1285
    assert "35834db6ef4d5" in grid.identifiers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "must be a GeoJSON of tile polygons: JSONDecodeError"),
        ("{}", "must be a GeoJSON of tile polygons: KeyError"),
        ('{"features": []}', "holds no tile"),
        (
            '{"features": [{"geometry": {"coordinates": [[[0, 0], [0, 1], [1, 1], [2, 0], [0, 0]]]}}]}',
            "tile 0 must be a rectangle",
        ),
    ],
)
def test_bad_tile_files_are_named(tmp_path, text, message):
    (tmp_path / "tiles.geojson").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_tiles(tmp_path / "tiles.geojson")


def test_splits_round_trip_and_faults(tmp_path):
    splits = {"a1": "train", "b2": "val", "c3": "test"}
    write_splits(tmp_path / "splits.csv", splits)
    assert read_splits(tmp_path / "splits.csv") == splits
    for text, message in (
        ("identifier\na1\n", "it lacks split"),
        ("identifier,split\na1,dev\n", "line 2: tile a1 has the unknown split 'dev'"),
        ("identifier,split\na1,val\na1,val\n", "line 3: tile a1 stands twice"),
    ):
        (tmp_path / "splits.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_splits(tmp_path / "splits.csv")
