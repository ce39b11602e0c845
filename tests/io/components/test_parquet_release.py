import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.io.components.component import read_component
from m3leo_sar.io.components.parquet_release import ParquetRelease, shards_of
from m3leo_sar.io.tables.split_file import write_splits

rasterio = pytest.importorskip("rasterio")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
TILES = TileGrid.legacy((6.0, 49.5, 6.2, 49.7)).identifiers[:7]
BOX = GeoBox.from_bounds((9.0, 50.0, 9.06, 50.04), shape=(40, 50), crs="EPSG:4326")


@pytest.fixture
def release(tmp_path, rng):
    """Two shards of land cover, written plainly, two chips a row group."""
    files = {}
    for identifier in TILES:
        path = tmp_path / "unpacked" / "esaworldcover-2020" / f"{identifier}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        profile = {"driver": "GTiff", "count": 1, "height": 40, "width": 50, "dtype": "uint8"}
        with rasterio.open(path, "w", **profile, crs=BOX.crs, transform=BOX.affine) as file:
            file.write(rng.choice([0, 10, 50], (1, 40, 50)).astype(np.uint8))
        files[identifier] = path
    shards = {identifier: ("p0" if number < 4 else "p1") for number, identifier in enumerate(TILES)}
    (tmp_path / "packed" / "esaworldcover-2020").mkdir(parents=True)
    for shard in ("p0", "p1"):
        inside = [identifier for identifier in TILES if shards[identifier] == shard]
        table = pa.table({
            "path": [f"aoi/aoi_partitions_aschips_0/esaworldcover-2020/{identifier}.tif" for identifier in inside],
            "ds": ["esaworldcover-2020"] * len(inside),
            "content": [files[identifier].read_bytes() for identifier in inside],
        })  # fmt: skip
        place = tmp_path / "packed" / "esaworldcover-2020" / f"{shard}.zstd.parquet"
        pq.write_table(table, place, compression="zstd", row_group_size=2)
    splits = tmp_path / "aoi_splits_parquet.csv"
    write_splits(
        splits, dict.fromkeys(TILES, "train"), columns={"parquet_identifier": [shards[tile] for tile in TILES]}
    )
    return ParquetRelease(tmp_path / "packed", shards_of(splits)), files


def test_chips_come_out_as_their_files_are(release):
    packed, files = release
    for identifier, path in files.items():
        assert packed.content(identifier, "esaworldcover-2020") == path.read_bytes()
        chip, expected = packed.chip(identifier, "esaworldcover-2020"), read_component(path)
        np.testing.assert_array_equal(chip.array, expected.array)
        assert chip.bands == expected.bands
        assert chip.geobox == expected.geobox


def test_what_is_missing_or_damaged_is_named(release, tmp_path):
    packed, _ = release
    with pytest.raises(KeyError, match="tile 0000000000000 is in no shard"):
        packed.content("0000000000000", "esaworldcover-2020")
    with pytest.raises(FileNotFoundError, match="p0.zstd.parquet"):
        packed.content(TILES[0], "s1grd-2020")
    for name in ("../esaworldcover-2020", "/etc", ".hidden", ""):
        with pytest.raises(ValueError, match="is not a name of a dataset or shard"):
            packed.content(TILES[0], name)
    packed.shards[TILES[0]] = "p1"
    with pytest.raises(KeyError, match=f"tile {TILES[0]} is not in"):
        packed.content(TILES[0], "esaworldcover-2020")
    shard = tmp_path / "packed" / "esaworldcover-2020" / "p1.zstd.parquet"
    whole = shard.read_bytes()
    for broken in (b"", whole[:200]):
        shard.write_bytes(broken)
        with pytest.raises(ValueError, match="p1.zstd.parquet is not a parquet shard"):
            packed.content(TILES[5], "esaworldcover-2020")
    pq.write_table(pa.table({"path": ["a.tif"]}), shard)
    with pytest.raises(KeyError):
        packed.content(TILES[5], "esaworldcover-2020")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ParquetRelease(tmp_path / "none", {})
    write_splits(tmp_path / "plain.csv", {"a": "val"})
    with pytest.raises(ValueError, match="must have the column parquet_identifier, it has identifier, split"):
        shards_of(tmp_path / "plain.csv")
