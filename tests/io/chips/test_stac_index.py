"""The rows of an archive's index are STAC items, as stac-geoparquet's tools take them."""

from __future__ import annotations

import json

import pytest
import valid_files

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_index import read_index, write_index

parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def archive(tmp_path):
    archive = ChipArchive(valid_files.archive(tmp_path))
    write_index(archive)
    return archive


def test_columns_have_the_types_of_stac_geoparquet(archive):
    schema = parquet.read_schema(archive.root / "index.parquet")
    for name in ("datetime", "start_datetime", "end_datetime"):
        assert str(schema.field(name).type) == "timestamp[ms, tz=UTC]"
    table = parquet.read_table(archive.root / "index.parquet").to_pylist()
    for row in table:
        assert (row["type"], row["stac_version"], row["collection"]) == ("Feature", "1.1.0", archive.root.name)
        assert (archive.root / row["assets"]["chips"]["href"]).is_dir()
        (link,) = row["links"]
        assert json.loads((archive.root / link["href"]).read_text())["type"] == link["rel"].capitalize()


def test_what_is_read_has_times_as_texts(archive):
    rows = read_index(archive.root)
    assert rows[0]["start_datetime"] == "2023-03-01T00:00:00Z"
    assert rows[0]["end_datetime"] == "2023-03-13T00:00:00Z"
    assert rows[0]["datetime"] is None


def test_stac_geoparquet_makes_items_of_it(archive):
    stac = pytest.importorskip("stac_geoparquet.arrow")
    table = parquet.read_table(archive.root / "index.parquet")
    items = list(stac.stac_table_to_items(table))
    assert [item["id"] for item in items] == archive.identifiers
    assert items[0]["properties"]["proj:code"] == valid_files.BOX.crs
    assert items[0]["properties"]["start_datetime"].startswith("2023-03-01T00:00:00")


def test_pystac_takes_the_collection_and_its_items(archive):
    """Both hold to the core schemas of STAC 1.1.0, which pystac carries."""
    pystac = pytest.importorskip("pystac", reason="pystac is not installed")
    pytest.importorskip("jsonschema", reason="pystac is not installed")
    shapely = pytest.importorskip("shapely")
    rows = parquet.read_table(archive.root / "index.parquet").to_pylist()
    (link,) = rows[0]["links"]
    collection = pystac.Collection.from_dict(json.loads((archive.root / link["href"]).read_text()))
    # Schemas of extensions lie on servers.
    collection.stac_extensions = []
    collection.validate()
    for row, texts in zip(rows, read_index(archive.root), strict=True):
        times = {name: texts[name] for name in ("datetime", "start_datetime", "end_datetime")}
        geometry = shapely.geometry.mapping(shapely.from_wkb(row["geometry"]))
        bounds = shapely.from_wkb(row["geometry"]).bounds
        reported = {name: row[name] for name in ("type", "stac_version", "id", "collection", "assets", "links")}
        item = pystac.Item.from_dict({**reported, "geometry": geometry, "bbox": list(bounds), "properties": times})
        item.validate()
        assert item.collection_id == collection.id
        assert list(row["bbox"].values()) == pytest.approx(bounds)
