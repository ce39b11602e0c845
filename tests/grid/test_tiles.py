"""M3LEO's tiles bit for bit: golden vectors, a whole hashed set, and real tiles."""

from __future__ import annotations

import json

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import TileGrid
from m3leo_sar.grid.identifier import printed
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.grid.tiles import tile_identifier

GOLDEN = {
    (-77.48249184342903, 38.85149853609722, -77.43152587423306, 38.89134057662451): "1a1e77399c5bd",
    (-117.50045629467718, 36.925572946138175, -117.45082744016938, 36.96540745689505): "344786096543e",
    (-121.1563888869494, 37.54316961904862, -121.10652974003068, 37.58285952458049): "115793e2c2f37",
    (-117.40773352737071, 42.94758351309253, -117.35294395687302, 42.98781983146622): "24645de4b3f51",
    (-73.54882408527543, 42.119290342039825, -73.49489992872059, 42.159424162417544): "35834db6ef4d5",
    (-73.43531971494377, 42.13234260877358, -73.38138181483515, 42.17247832110605): "1bc070af07c71",
    (-73.29498963657919, 42.70128307747811, -73.24044776241696, 42.741498704399646): "095d17a87e0b9",
    (-70.87941018308263, 42.730591713816466, -70.82479431823637, 42.77084272945042): "19b15e99d23b9",
    (0.01234, 51.5, 0.07654, 51.54): "0ea127158f6d6",
    (-0.03, 51.5, 0.03001, 51.54): "1287721855964",
    (-0.00004, 40.1, 0.05, 40.14): "182fc88a50a1d",
    (0.0, 45.0, 0.05, 45.04): "0831985f6e463",
    (-60.5, -33.25, -60.45, -33.21): "20740af19f989",
}
coordinate = st.one_of(st.floats(-180, 180), st.floats(-0.2, 0.2), st.integers(-1800, 1800).map(lambda i: i / 10))


@pytest.mark.parametrize("corners", GOLDEN)
def test_golden_identifiers(corners):
    assert tile_identifier(*corners) == GOLDEN[corners]


@given(values=st.lists(coordinate, min_size=4, max_size=4), places=st.integers(0, 5))
def test_printing_is_numpys(values, places):
    west, south, east, north = (float(np.round(value, places)) for value in values)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    with np.printoptions(precision=8, suppress=False, threshold=1000, linewidth=75):
        assert printed(ring) == str(np.array(ring))


def test_identifiers_do_not_depend_on_print_options():
    with np.printoptions(precision=2, suppress=True):
        test_golden_identifiers(next(iter(GOLDEN)))


def test_luxembourg_is_the_published_set(shared_data):
    grid = TileGrid.legacy((shared_data / "m3leo-tiles" / "luxembourg.wkt").read_text(), side=1000)
    assert (len(grid), grid.crs, grid[0].identifier) == (2774, "EPSG:32632", "132e3b06023c3")
    assert grid.list_hash == "14c55eb7d417f"


@pytest.mark.parametrize("name", ["conus_1000", "massachusetts_1285"])
def test_real_tiles_follow_identifier_size_and_lattice(shared_data, name):
    features = json.loads((shared_data / "m3leo-tiles" / f"{name}.geojson").read_text())["features"]
    rings = np.array([feature["geometry"]["coordinates"][0] for feature in features])
    bounds = np.concatenate([rings.min(1), rings.max(1)], axis=1)
    assert TileGrid(bounds).identifiers == [feature["properties"]["identifier"] for feature in features]
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32614", always_xy=True)
    lon, lat = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    x, y = to_utm.transform(lon, lat)
    np.testing.assert_allclose(x % 4480, 3102.8263552737, atol=1e-6)
    np.testing.assert_allclose(y % 4480, 728.4359924621, atol=1e-6)
    per_lon = (to_utm.transform(lon + 0.001, lat)[0] - x) * 1000
    per_lat = (to_utm.transform(lon, lat + 0.001)[1] - y) * 1000
    np.testing.assert_allclose(bounds[:, 2] - bounds[:, 0], 4479 / per_lon, atol=1e-12)
    np.testing.assert_allclose(bounds[:, 3] - bounds[:, 1], 4479 / per_lat, atol=1e-12)


def test_a_grid_is_a_sequence():
    grid = TileGrid.legacy("POLYGON ((6.0 49.5, 6.2 49.5, 6.2 49.7, 6.0 49.7, 6.0 49.5))")
    assert [tile.identifier for tile in grid] == grid.identifiers
    tile = grid[grid.identifiers[7]]
    assert tile == grid[7]
    assert tile.geobox.bounds == pytest.approx(tile.bounds)
    assert len(grid[3:5]) == 2
    assert grid.only([grid.identifiers[4], grid.identifiers[2]]).identifiers == [grid.identifiers[i] for i in (2, 4)]
    assert len(grid.select((6.05, 49.55, 6.1, 49.6))) < len(grid)
    with pytest.raises(KeyError, match="tile 0000000000000 is not among the 15 of this grid"):
        grid["0000000000000"]


@pytest.mark.parametrize(
    ("aoi", "message"),
    [
        ("POLYGON EMPTY", "aoi must be a polygon that is not empty"),
        ("POINT (5 50)", "aoi must be a polygon .* got Point"),
        ("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", "aoi must be a valid polygon: Self-intersection"),
        ("POLYGON ((0 0, 5000 0, 5000 5000, 0 5000, 0 0))", "aoi must be in degrees"),
        ("POLYGON ((6 49, 6.01 49, 6.01 49.01, 6 49.01, 6 49))", "aoi must span at least one step of 4480 m, got"),
        ("LAND HO", "aoi must be one of conus.*WKT of a polygon"),
    ],
)
def test_bad_areas_are_named(aoi, message):
    with pytest.raises(ValueError, match=message):
        TileGrid.legacy(aoi)


def test_bad_corners_are_named():
    with pytest.raises(ValueError, match="tile corners must be finite"):
        tile_identifier(0, 0, np.nan, 1)
    with pytest.raises(ValueError, match=r"tile corners must be \(minlon, minlat, maxlon, maxlat\)"):
        tile_identifier(1, 0, 0, 1)


@given(count=st.integers(3, 60))
def test_small_areas_are_split_from_west_to_east(count):
    west = np.random.default_rng(count).permutation(count).astype(float)
    split = ordered_split(np.stack([west, np.zeros(count), west + 1, np.ones(count)], axis=1))
    assert set(split) == {"train", "val", "test"}
    assert west[split == "train"].max() < west[split == "val"].min()
    assert west[split == "val"].max() < west[split == "test"].min()
