import json

import numpy as np
import pytest
import shapely

from m3leo_sar import TileGrid
from m3leo_sar.io.tables.split_file import read_split_columns, read_splits, split_file_name, write_splits
from m3leo_sar.io.tables.tile_file import read_tile_columns, read_tiles, tile_file_name, write_tiles

GRID = TileGrid.legacy("POLYGON ((6.0 49.5, 6.2 49.5, 6.2 49.7, 6.0 49.7, 6.0 49.5))")
#: Over two zones, so that some tiles are cut.
EXACT = TileGrid.exact((5.9, 49.5, 6.1, 49.6))
SUFFIXES = ["geojson", "parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("grid", [GRID, EXACT], ids=["legacy", "exact"])
def test_tiles_round_trip_bit_for_bit(tmp_path, grid, suffix):
    splits = dict(zip(grid.identifiers, ["train", "val", "test"] * len(grid), strict=False))
    index = list(range(100, 100 + len(grid)))
    file = tmp_path / f"tiles.{suffix}"
    write_tiles(file, grid, splits=splits, columns={"original_index": index})
    back = read_tiles(file, pixels=224)
    assert back.identifiers == grid.identifiers
    np.testing.assert_array_equal(back.bounds, grid.bounds)
    assert [tile.geobox.bounds for tile in back] == [tile.geobox.bounds for tile in grid]
    assert back[0].geobox.shape == (224, 224)
    columns = read_tile_columns(file)
    assert columns["original_index"] == index
    assert columns["split"] == list(splits.values())
    if grid is EXACT:
        np.testing.assert_allclose(columns["area_km2"], grid.areas / 1e6, rtol=1e-12)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("grid", [GRID, EXACT], ids=["legacy", "exact"])
def test_geopandas_reads_what_we_write(tmp_path, grid, suffix):
    geopandas = pytest.importorskip("geopandas")
    file = tmp_path / f"tiles.{suffix}"
    write_tiles(file, grid)
    frame = geopandas.read_parquet(file) if suffix == "parquet" else geopandas.read_file(file)
    assert "WGS 84" in frame.crs.name
    assert frame.identifier.tolist() == grid.identifiers
    assert shapely.equals(np.array(frame.geometry), grid.footprints).all()
    if suffix == "parquet":
        west, south, east, north = EXACT.bounds[0] if grid is EXACT else GRID.bounds[0]
        near = geopandas.read_parquet(file, bbox=(west, south, (west + east) / 2, (south + north) / 2))
        assert grid.identifiers[0] in near.identifier.tolist()
        assert len(near) < len(grid)


def test_real_tiles(shared_data, tmp_path):
    source = shared_data / "m3leo-tiles" / "massachusetts_1285.geojson"
    grid = read_tiles(source)
    assert len(grid) == 1285
    assert "35834db6ef4d5" in grid.identifiers
    stored = read_tile_columns(source)
    assert set(stored) == {"identifier", "area_km2"}
    write_tiles(tmp_path / "a.geojson", grid)
    ours, theirs = (json.loads(file.read_text())["features"] for file in (tmp_path / "a.geojson", source))
    assert [feature["geometry"] for feature in ours] == [feature["geometry"] for feature in theirs]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "must be a GeoJSON of tile polygons: JSONDecodeError"),
        ("{}", "must be a GeoJSON of tile polygons: KeyError"),
        ("[1]", "must be a GeoJSON of tile polygons: TypeError"),
        ('{"features": []}', "holds no tile"),
        ('{"features": [5]}', "must be a GeoJSON of tile polygons: TypeError"),
        ('{"features": [{"geometry": null}]}', "must be a GeoJSON of tile polygons: TypeError"),
        (
            '{"features": [{"geometry": {"coordinates": [[[0, 0], [0, 1], [1, 1], [2, 0], [0, 0]]]}}]}',
            "tile 0 must be a rectangle",
        ),
        (
            '{"features": [{"properties": {"identifier": "1a1e77399c5bd"},'
            ' "geometry": {"coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}}]}',
            "tile 0 is named 1a1e77399c5bd, but its corners give",
        ),
        (
            '{"features": [{"properties": {"identifier": "99N4480-0001-0001"}, "geometry": {"coordinates": [[]]}}]}',
            "identifier must be like 31N4480-0113-1203, got '99N4480-0001-0001'",
        ),
    ],
)
def test_bad_tile_files_are_named(tmp_path, text, message):
    (tmp_path / "tiles.geojson").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_tiles(tmp_path / "tiles.geojson")


def test_bad_parquet_is_named_and_a_changed_identifier_found(tmp_path):
    import pyarrow.parquet as pq

    file = tmp_path / "tiles.parquet"
    write_tiles(file, GRID)
    whole = file.read_bytes()
    for broken in (b"", b"PAR1", whole[: len(whole) // 2], whole[:40] + bytes(40) + whole[80:]):
        file.write_bytes(broken)
        with pytest.raises(ValueError, match="tiles.parquet must be a GeoParquet of tiles"):
            read_tiles(file)
    file.write_bytes(whole)
    table = pq.read_table(file)
    names = table["identifier"].to_pylist()
    swapped = table.set_column(0, "identifier", [[names[1], names[0], *names[2:]]])
    pq.write_table(swapped, file)
    with pytest.raises(ValueError, match="the identifiers hash to"):
        read_tiles(file, verify=False)
    pq.write_table(table.drop_columns(["bbox"]), file)
    with pytest.raises(ValueError, match="tiles.parquet must be a GeoParquet of tiles"):
        read_tiles(file)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_tiles(tmp_path / "none.parquet")


def test_names_are_those_of_the_released_files(shared_data):
    luxembourg = TileGrid.legacy((shared_data / "m3leo-tiles" / "luxembourg.wkt").read_text(), side=1000)
    name = tile_file_name("luxembourg", luxembourg)
    assert name == "luxembourg_partitions_aschips_14c55eb7d417f.geojson"
    splits = split_file_name(name, bands=60, angle=1.5, fractions=(60, 20, 20))
    assert splits == "luxembourg_partitions_aschips_14c55eb7d417f_splits_60bands_angle15_60-20-20.csv"
    for bad in ("a_b", "../a", ""):
        with pytest.raises(ValueError, match="aoi must be letters, digits and hyphens"):
            tile_file_name(bad, GRID)


def test_a_tile_twice_and_columns_that_do_not_fit(tmp_path):
    file = tmp_path / "tiles.geojson"
    write_tiles(file, TileGrid(np.concatenate([GRID.bounds, GRID.bounds[3:4]])))
    with pytest.raises(ValueError, match=f"tile {GRID.identifiers[3]} occurs twice"):
        read_tiles(file)
    for columns, message in (({"bbox": [1] * 15}, "'bbox' is taken"), ({"a": [1, 2]}, "'a' is taken or has 2")):
        with pytest.raises(ValueError, match=message):
            write_tiles(tmp_path / "new.geojson", GRID, columns=columns)
    with pytest.raises(ValueError, match="splits must name every tile, 14 are missing"):
        write_tiles(tmp_path / "new.geojson", GRID, splits={GRID.identifiers[0]: "val"})
    assert not (tmp_path / "new.geojson").exists()


def test_splits_round_trip_and_faults(tmp_path):
    splits = {"a1": "train", "b2": "val", "c3": "test", "d4": "buffer"}
    file = tmp_path / "splits.csv"
    write_splits(file, splits, columns={"original_index": [7, 5, 3, 1], "parquet_identifier": ["x", "x", "y", "z"]})
    assert read_splits(file) == {"a1": "train", "b2": "val", "c3": "test"}
    columns = read_split_columns(file)
    assert columns["original_index"] == ["7", "5", "3"]
    assert columns["parquet_identifier"] == ["x", "x", "y"]
    assert file.read_text().splitlines()[0] == "identifier,split,original_index,parquet_identifier"
    with pytest.raises(ValueError, match="splits must be train, val, test or buffer, got 'dev'"):
        write_splits(tmp_path / "bad.csv", {"a1": "dev"})
    for text, message in (
        ("", "it lacks identifier, split"),
        ("identifier\na1\n", "it lacks split"),
        ("identifier,split\na1,dev\n", "line 2: tile a1 has the unknown split 'dev'"),
        ("identifier,split\na1,val\na1,val\n", "line 3: tile a1 occurs twice"),
        ("identifier,split\na1,val\nb2\n", "line 3: 1 values for 2 columns"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_splits(file)


@pytest.mark.parametrize("name", ["t.shp", "t.gpkg", "t"])
def test_a_suffix_of_another_format_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"must end in .geojson, .json, .parquet, .geoparquet, got"):
        write_tiles(tmp_path / name, GRID)
    assert not list(tmp_path.iterdir())
