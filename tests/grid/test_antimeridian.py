"""Longitudes over the 180th meridian: what lies beside each other stays so."""

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.grid import antimeridian
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.grid.footprint import footprint, outline_in_degrees
from m3leo_sar.grid.leakage import leakage
from m3leo_sar.grid.legacy_lattice import legacy_areas
from m3leo_sar.grid.splits import legacy_split, ordered_split

OVER = "MULTIPOLYGON (((179.9 -17.2, 180 -17.2, 180 -17.1, 179.9 -17.1, 179.9 -17.2)), ((-180 -17.2, -179.9 -17.2, -179.9 -17.1, -180 -17.1, -180 -17.2)))"  # noqa: E501


def fiji(*, rows=40, cols=60, side=500.0):
    """A grid in UTM 60 S with its middle on the 180th meridian."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32760", always_xy=True).transform(180.0, -16.8)
    half = cols * side / 2, rows * side / 2
    return GeoBox.from_bounds(
        (x - half[0], y - half[1], x + half[0], y + half[1]), shape=(rows, cols), crs="EPSG:32760"
    )


def shifted(polygon, turn):
    return shapely.transform(polygon, lambda x, y: (x + turn, y), interleaved=False)


def test_bounds_of_a_grid_run_on_beyond_the_meridian():
    west, south, east, north = fiji().bounds_in("EPSG:4326")
    assert 179.8 < west % 360 < 179.9
    assert 180.1 < east % 360 < 180.2
    assert 0.2 < east - west < 0.4
    assert -17 < south < -16.8 < north < -16.6
    # The same grid given in longitudes beyond 180, or below -180.
    for first in (179.5, -180.5, 539.5):
        box = GeoBox.from_bounds((first, -17, first + 1, -16), shape=(3, 4), crs="EPSG:4326")
        got = box.bounds_in("EPSG:4326")
        assert (got[2] - got[0], got[0] % 360) == pytest.approx((1, 179.5))
        assert -180 <= (got[0] + got[2]) / 2 <= 180


def test_a_grid_around_a_pole_holds_it():
    for crs, pole in (("EPSG:3413", 90.0), ("EPSG:3031", -90.0)):
        box = GeoBox.from_bounds((-1e6, -8e5, 9e5, 1e6), shape=(30, 40), crs=crs)
        west, south, east, north = box.bounds_in("EPSG:4326")
        assert (west, east) == (-180, 180)
        assert pole in (south, north)
        outline = footprint(box)
        assert outline.is_valid
        # A cap to the pole, about as large as the square: in true metres.
        area = sum(abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(shapely.segmentize(p, 0.1))[0])
                   for p in shapely.get_parts(outline))  # fmt: skip
        assert area == pytest.approx(1.9e6 * 1.8e6, rel=0.06)
        assert outline.intersects(shapely.Point(-179.9, pole * 0.99))
        beside = GeoBox.from_bounds((1e5, 1e5, 9e5, 1e6), shape=(30, 40), crs=crs)
        assert abs(beside.bounds_in("EPSG:4326")[1 if pole < 0 else 3]) < 90


def test_the_footprint_is_cut_at_the_meridian_and_loses_nothing():
    box = fiji()
    outline = footprint(box)
    assert outline.is_valid
    assert outline.geom_type == "MultiPolygon"
    assert outline.bounds[0] == -180
    assert outline.bounds[2] == 180
    lon, lat = outline_in_degrees(box)
    assert outline.area == pytest.approx(shapely.Polygon(np.stack([lon, lat], 1)).area, rel=1e-9)
    assert antimeridian.in_one_piece(outline).area == pytest.approx(outline.area, rel=1e-12)
    assert antimeridian.in_one_piece(outline).geom_type == "Polygon"
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    assert footprint(world).area == pytest.approx(360 * 180)


@given(centre=st.floats(-180, 180), spread=st.floats(0.001, 80), turn=st.sampled_from([-360, 0, 360]))
def test_bounds_of_points_are_those_of_the_points_whatever_their_turns(centre, spread, turn):
    random = np.random.default_rng(0)
    lon, lat = centre + spread * random.uniform(-1, 1, 50), random.uniform(-30, 30, 50)
    wrapped = (lon + 180) % 360 - 180
    got = antimeridian.bounds_of_points(wrapped + turn, lat)
    assert got[2] - got[0] == pytest.approx(np.ptp(lon), abs=1e-9)
    assert (got[0] - lon.min()) % 360 == pytest.approx(0, abs=1e-9) or (got[0] - lon.min()) % 360 > 360 - 1e-9
    boxes = np.stack([wrapped, lat, wrapped, lat], axis=1)
    assert antimeridian.bounds_of_all(boxes) == pytest.approx(antimeridian.bounds_of_points(wrapped, lat), abs=1e-9)


@given(west=st.floats(-200, 200), wide=st.floats(0.01, 300), other=st.floats(-200, 200), width=st.floats(0.01, 50))
def test_boxes_beside_each_other_meet_where_their_ground_does(west, wide, other, width):
    bounds = (west, 0.0, west + wide, 1.0)
    (moved,) = antimeridian.beside(bounds, np.array([(other, 0.0, other + width, 1.0)]))
    expected = any(other + t < west + wide and other + width + t > west for t in range(-1080, 1081, 360))
    assert (moved[0] < bounds[2] and moved[2] > bounds[0]) == expected


def test_the_same_area_in_every_form():
    expected = aoi_polygon(OVER)
    forms = [(179.9, -17.2, 180.1, -17.1), (179.9, -17.2, -179.9, -17.1), shapely.box(-180.1, -17.2, -179.9, -17.1)]
    for form in forms:
        assert aoi_polygon(form).symmetric_difference(expected).area < 1e-12
        for lattice in (TileGrid.exact, TileGrid.legacy):
            assert lattice(form).identifiers == lattice(OVER).identifiers
    for bad in ((10, 0, -170, 1), (0, 0, 400, 1), (500000, 0, 500010, 1)):
        with pytest.raises(ValueError, match="aoi must be"):
            aoi_polygon(bad if len(bad) == 4 and bad[0] != 0 else shapely.box(*bad))


def test_a_projected_area_over_the_meridian_is_not_the_rest_of_the_globe():
    geopandas = pytest.importorskip("geopandas")
    box = fiji()
    ring = shapely.box(*box.bounds).difference(shapely.box(*box.pad(-12, -15).bounds))
    area = aoi_polygon(geopandas.GeoSeries([ring], crs=box.crs))
    whole = aoi_polygon(geopandas.GeoSeries([shapely.box(*box.bounds)], crs=box.crs))
    assert area.is_valid
    assert whole.area == pytest.approx(footprint(box).area, rel=1e-3)
    assert area.area == pytest.approx(whole.area * (1 - (16 * 30) / (40 * 60)), rel=1e-2)


@pytest.mark.parametrize("lattice", ["exact", "legacy"])
def test_tiles_over_the_meridian_cover_the_area_and_are_found(lattice):
    grid = getattr(TileGrid, lattice)(OVER)
    middles = (grid.bounds[:, 0] + grid.bounds[:, 2]) / 2
    assert {int(np.sign(middle)) for middle in middles} == {-1, 1}
    assert len(grid) == (30 if lattice == "exact" else 8)
    outlines = grid.footprints
    assert shapely.is_valid(outlines).all()
    assert shapely.bounds(outlines)[:, 0].min() == -180
    covered = shapely.union_all(outlines).intersection(shapely.from_wkt(OVER)).area
    assert covered > (0.9999 if lattice == "exact" else 0.4) * shapely.from_wkt(OVER).area
    # The parts on the two sides are selected together, whatever turn the bounds are given on.
    for turn in (-360, 0, 360):
        part = grid.select((179.99 + turn, -17.2, 180.01 + turn, -17.1))
        assert {int(np.sign(middle)) for middle in part.bounds[:, [0, 2]].mean(axis=1)} == {-1, 1}
        assert len(part) < len(grid)
    assert len(grid.select((-179.99, -17.2, 179.99, -17.1))) > 0
    for longitude in (179.995, 180.005, -179.995):
        (tile,) = grid.at(longitude, -17.15)[:1]
        assert tile.identifier in grid.positions
    if lattice == "legacy":
        assert (np.abs(middles) <= 180).all()
        assert legacy_areas(grid.bounds) == pytest.approx(grid.areas / 1e6, rel=0.01)


def test_ground_shared_over_the_meridian_is_found():
    grid = TileGrid([(179.9, 0.0, 180.1, 0.2), (-179.95, 0.0, -179.75, 0.2), (100.0, 0.0, 100.2, 0.2)])
    report = leakage(grid, ["train", "test", "train"])
    assert report.pairs.tolist() == [[0, 1]]
    assert report.share == pytest.approx([0.25])


def test_splits_run_over_the_meridian_in_one_order():
    bounds = [(179.7 + 0.1 * i, 0.0, 179.8 + 0.1 * i, 0.1) for i in range(6)]
    wrapped = [(w - 360 * (w >= 180), s, e - 360 * (w >= 180), n) for w, s, e, n in bounds]
    assert ordered_split(wrapped).tolist() == ordered_split(bounds).tolist()
    many = np.array([(179.0 + 0.02 * i, 0.0, 179.02 + 0.02 * i, 0.02) for i in range(100)])
    wrapped = many - 360 * (many[:, :1] >= 180) * np.array([1, 0, 1, 0])
    assert legacy_split(wrapped, angle=1.5, bands=10).tolist() == legacy_split(many, angle=1.5, bands=10).tolist()


def test_far_apart_tiles_keep_the_bits_of_their_bounds():
    bounds = np.array([(-124.1, 40, -124.0, 40.1), (5.1, 50, 5.2, 50.1), (134.5, -20, 134.6, -19.9)])
    np.testing.assert_array_equal(antimeridian.side_by_side(bounds), bounds)
