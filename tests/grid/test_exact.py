"""The lattice without overlap or gap, in true areas, and what is read back from it."""

from __future__ import annotations

import functools

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from m3leo_sar import TileGrid
from m3leo_sar.grid.leakage import leakage
from m3leo_sar.grid.legacy_lattice import legacy_areas
from m3leo_sar.grid.splits import SPLITS, banded_split, legacy_split
from m3leo_sar.grid.utm_lattice import UtmCells

GEOD = pyproj.Geod(ellps="WGS84")
#: Across a zone's meridian, across the equator, at both, deep in the south and near the northern end.
PLACES = [(5.93, 49.5), (-75.1, -0.06), (35.95, -0.05), (-69.0, -54.9), (20.95, 78.0), (-180.0, 66.0), (179.7, -17.0)]


def true_area(polygon):
    return sum(abs(GEOD.geometry_area_perimeter(part)[0]) for part in shapely.get_parts(polygon))


@settings(deadline=None, max_examples=25)
@given(
    place=st.sampled_from(PLACES),
    width=st.floats(0.02, 0.3),
    height=st.floats(0.02, 0.2),
    side=st.sampled_from([4480, 3000]),
)
def test_tiles_neither_overlap_nor_leave_gaps(place, width, height, side):
    area = shapely.box(place[0], place[1], place[0] + width, place[1] + height)
    grid = TileGrid.exact(area, side=side)
    outlines = grid.footprints
    union = shapely.union_all(outlines)
    assert sum(shapely.area(outlines)) == pytest.approx(union.area, rel=1e-9)
    # The edge of the area is cut to pieces on its way to UTM, so centimetres of it may be lost, never a tile.
    assert shapely.difference(area, union).area < 1e-6 * area.area
    assert (shapely.area(shapely.intersection(outlines, area)) > 0).all()
    assert len(set(grid.identifiers)) == len(grid)


@pytest.mark.parametrize("place", PLACES)
def test_areas_are_true(place):
    grid = TileGrid.exact(shapely.box(*place, place[0] + 0.2, place[1] + 0.13))
    expected = [true_area(shapely.segmentize(outline, 0.001)) for outline in grid.footprints]
    np.testing.assert_allclose(grid.areas, expected, rtol=2e-5)
    inside = [tile.owned_pixels().all() for tile in grid]
    # Whole squares: the outline's four pieces an edge, not the quadrature, make the difference.
    whole = grid.areas[inside]
    assert len(whole) == 0 or abs(whole / 4480**2 - 1).max() < 3e-3


def test_legacy_areas_and_rectangles(shared_data):
    import json

    features = json.loads((shared_data / "m3leo-tiles" / "massachusetts_1285.geojson").read_text())["features"]
    stored = np.array([feature["properties"]["area_km2"] for feature in features])
    bounds = np.array([shapely.bounds(shapely.Polygon(f["geometry"]["coordinates"][0])) for f in features])
    np.testing.assert_allclose(legacy_areas(bounds, crs="EPSG:32614"), stored, rtol=1e-11)
    grid = TileGrid(bounds)
    expected = [true_area(shapely.segmentize(outline, 1e-4)) for outline in grid.footprints[:5]]
    np.testing.assert_allclose(grid.areas[:5], expected, rtol=1e-8)


def test_a_tile_is_a_square_of_its_zone_wherever_the_area_begins():
    whole = TileGrid.exact((8.9, 50.0, 9.4, 50.3))
    part = TileGrid.exact((9.1, 50.1, 9.2, 50.2))
    assert set(part.identifiers) < set(whole.identifiers)
    for tile in part:
        left, low, right, high = tile.geobox.bounds
        assert (right - left, high - low, tile.geobox.shape) == (4480, 4480, (448, 448))
        assert (left - 500000) % 4480 == low % 4480 == 0
        assert tile.geobox.crs == "EPSG:32632"
        assert tile == whole[tile.identifier]
    south = TileGrid.exact((9.1, -50.2, 9.2, -50.1))[0].geobox
    assert (10_000_000 - south.bounds[1]) % 4480 == 0
    assert south.crs == "EPSG:32732"


def test_exactly_one_tile_for_its_own_square():
    tile = TileGrid.from_identifiers(["32N4480-0113-1240"])
    again = TileGrid.exact(shapely.buffer(tile.footprints[0], -1e-6))
    assert again.identifiers == tile.identifiers


def test_an_area_smaller_than_a_pixel_has_its_tile():
    assert len(TileGrid.exact((9.123, 50.456, 9.123001, 50.456001))) == 1


@settings(deadline=None, max_examples=40)
@given(lon=st.floats(-180, 179.999), lat=st.floats(-79.9, 83.9))
def test_a_position_belongs_to_the_tile_that_covers_it(lon, lat):
    grid = TileGrid.exact((max(lon - 0.05, -180), max(lat - 0.03, -80), min(lon + 0.05, 180), min(lat + 0.03, 84)))
    (tile,) = grid.at(lon, lat)
    row, col = tile.geobox.to_pixels(*pyproj.Proj(tile.crs)(lon, lat))
    assert min(row, col) >= -0.500001
    assert max(row, col) <= 447.500001
    distance = shapely.distance(grid.footprints, shapely.Point(lon, lat))
    # From zone 60 the same ground is a whole turn away.
    other = shapely.distance(grid.footprints, shapely.Point(lon + 360, lat))
    assert min(distance[grid.identifiers.index(tile.identifier)], other[grid.identifiers.index(tile.identifier)]) < 1e-5


def test_legacy_tiles_at_a_position_may_be_several_or_none(shared_data):
    from m3leo_sar.io.tables.tile_file import read_tiles

    grid = read_tiles(shared_data / "m3leo-tiles" / "massachusetts_1285.geojson")
    random = np.random.default_rng(3)
    counts = []
    for lon, lat in zip(random.uniform(-73, -71, 300), random.uniform(42.1, 42.6, 300), strict=True):
        found = {tile.identifier for tile in grid.at(lon, lat)}
        left, low, right, high = grid.bounds.T
        holds = (left <= lon) & (lon < right) & (low <= lat) & (lat < high)
        assert found == {grid.identifiers[i] for i in np.flatnonzero(holds)}
        counts.append(len(found))
    assert {0, 1, 2} <= set(counts)
    with pytest.raises(ValueError, match="degrees on the globe, got 400"):
        grid.at(400, 0)


def test_pixels_beyond_the_meridian_belong_to_the_other_zone():
    grid = TileGrid.exact((5.98, 49.5, 6.02, 49.53))
    owned = 0.0
    for tile in grid:
        mask = tile.owned_pixels()
        assert mask.shape == (448, 448)
        longitude, _ = tile.geobox.transformer_to("EPSG:4326").transform(*tile.geobox.centres())
        np.testing.assert_array_equal(mask, (longitude < 6) == (tile.crs == "EPSG:32631"))
        owned += mask.mean() * 4480**2
    assert 0 < owned < len(grid) * 4480**2
    assert owned == pytest.approx(grid.areas.sum(), rel=3e-3)


def test_the_published_lattice_leaks_and_the_exact_one_does_not(shared_data):
    from m3leo_sar.io.tables.tile_file import read_tiles

    grid = read_tiles(shared_data / "m3leo-tiles" / "massachusetts_1285.geojson")
    legacy = leakage(grid, legacy_split(grid.bounds, angle=0.9))
    assert len(legacy.pairs) == 2425
    assert legacy.across.sum() > 100
    assert 0.05 < legacy.share.max() < 0.3
    exact = TileGrid.exact(shapely.box(*shapely.total_bounds(grid.footprints)))
    for bands, buffer in ((60, 0.0), (15, 4480.0)):
        split = banded_split(exact, bands=bands, buffer=buffer)
        report = leakage(exact, dict(zip(exact.identifiers, split, strict=True)))
        assert len(report.pairs) == 0
        assert report.by_splits == {}
    with pytest.raises(ValueError, match="1 are missing, the first"):
        leakage(exact, dict.fromkeys(exact.identifiers[1:], "train"))


@functools.cache
def small_tiles():
    """Tiles so small that whole ones do not hide a buffer that is too narrow, and their outlines in metres."""
    grid = TileGrid.exact((9.0, 50.0, 9.5, 50.3), side=700)
    to_plane = pyproj.Proj(proj="laea", lat_0=50.15, lon_0=9.25, ellps="WGS84")
    return grid, shapely.transform(grid.footprints, lambda x, y: to_plane(x, y), interleaved=False)


@settings(deadline=None, max_examples=15)
@given(angle=st.floats(-180, 180), buffer=st.floats(0, 3500), bands=st.integers(5, 6))
def test_bands_have_equal_shares_and_keep_their_distance(angle, buffer, bands):
    grid, outlines = small_tiles()
    plain = banded_split(grid, angle=angle, bands=bands)
    pattern = ["train"] * 3 + ["test", "val"]
    for name in SPLITS:
        share = sum(pattern[band % 5] == name for band in range(bands)) / bands
        assert abs((plain == name).sum() - share * len(grid)) <= bands
    split = banded_split(grid, angle=angle, bands=bands, buffer=buffer)
    kept = split != "buffer"
    np.testing.assert_array_equal(split[kept], plain[kept])
    parts = {name: shapely.union_all(outlines[split == name]) for name in SPLITS if (split == name).any()}
    for first in parts:
        for second in parts:
            if first < second:
                assert parts[first].distance(parts[second]) >= 0.999 * buffer


def test_angle_is_the_direction_of_the_bands():
    grid = TileGrid.exact((9.0, 50.0, 9.9, 50.4))
    north, east = banded_split(grid, angle=0, bands=5), banded_split(grid, angle=90, bands=5)
    assert np.ptp(grid.bounds[north == "test", 0]) < 0.5 < np.ptp(grid.bounds[east == "test", 0])
    # 45 degrees clockwise from north: a strip runs from south-west to north-east.
    turned = banded_split(grid, angle=45, bands=5) == "test"
    x, y = pyproj.Proj("EPSG:32632")(grid.bounds[turned, 0], grid.bounds[turned, 1])
    assert np.corrcoef(x, y)[0, 1] > 0.7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TileGrid.exact((9, 83.5, 9.1, 84.5)), "must lie between 80 S and 84 N"),
        (lambda: TileGrid.exact("POLYGON EMPTY"), "aoi must be a polygon that is not empty"),
        (lambda: TileGrid.exact((9, 50, 9.1, 50.1), side=0), "side must be a whole number above 0, got 0"),
        (lambda: TileGrid.from_identifiers(["1a1e77399c5bd"]), "like 31N4480-0113-1203, got '1a1e77399c5bd'"),
        (lambda: TileGrid.from_identifiers([]), "identifiers must be of one side, got none"),
        (lambda: UtmCells.named(["61N4480-0113-1203"]), "got '61N4480-0113-1203'"),
        (
            lambda: banded_split(TileGrid.exact((9, 50, 9.1, 50.1)), bands=60),
            "from 5 to the number of tiles, [0-9]+, got 60",
        ),
        (lambda: banded_split(TileGrid.exact((9, 50, 10, 51)), buffer=-1), "buffer at least 0, got 0.0 and -1"),
        (lambda: banded_split(TileGrid.exact((9, 50, 10, 51)), bands=5, buffer=1e5), "leaves none in"),
    ],
)
def test_bad_requests_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
