"""The index of an archive's tiles, also where they lie over the 180th meridian."""

import json

import numpy as np
import pytest
import shapely

from m3leo_sar import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_index import read_index, write_index

AREA = (179.95, -17.2, 180.05, -17.15)


def test_outlines_over_the_180th_meridian_are_cut_and_bounds_have_west_above_east(tmp_path):
    pytest.importorskip("pyarrow")
    archive = ChipArchive.create(tmp_path / "a")
    grid = TileGrid.exact(AREA, pixels=16)
    for tile in grid:
        archive.write(tile.identifier, "coherence", "p", np.ones((16, 16), np.float32), tile.geobox, metadata={})
    assert write_index(archive) == len(grid)
    over = 0
    for row in read_index(tmp_path / "a"):
        outline, box = shapely.from_wkb(row["geometry"]), row["bbox"]
        assert outline.is_valid
        assert outline.area < 0.003
        wide = box["xmax"] - box["xmin"]
        if wide < 0:
            over += 1
            assert outline.geom_type == "MultiPolygon"
            wide += 360
        assert 0.04 < wide < 0.05
        assert max(abs(box["xmin"]), abs(box["xmax"])) <= 180
    assert over > 0
    collection = json.loads((tmp_path / "a/collection.json").read_text())
    ((west, south, east, north),) = collection["extent"]["spatial"]["bbox"]
    assert 179.8 < west < 179.96
    assert -179.94 > east > -180
    assert south < -17.2
    assert north > -17.15
