"""Means, sums, extremes and labels over the ground of a pixel: against shapely, and by what they keep."""

import functools

import numpy as np
import pytest
import shapely

from m3leo_sar import GeoBox, TileGrid, geolocate, reproject
from m3leo_sar.warp.area import area_sample, corner_grid
from m3leo_sar.warp.pixel_map import PixelMap, pixel_map

SOURCE = GeoBox.from_bounds((500000, 5800000, 500700, 5800500), shape=(25, 35), crs="EPSG:32631")
#: Turned, finer, coarser, and in the next zone.
TURNED = GeoBox((7, 9), (70.0, 25.0, 500050.0, 18.0, -55.0, 5800420.0), "EPSG:32631")
FINER = GeoBox.from_bounds((500103, 5800077, 500207, 5800199), shape=(31, 27), crs="EPSG:32631")


def corners_of(tile, source=SOURCE):
    return pixel_map(source, corner_grid(tile))


@functools.cache
def shares(tile):
    """Area of every tile pixel within every source pixel, (tile pixels, source rows, source cols)."""
    at = corners_of(tile)
    rows, cols = at.rows + 0.5, at.cols + 0.5
    quads = [
        shapely.Polygon([(cols[i, j], rows[i, j]) for i, j in ((r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c))])
        for r in range(tile.shape[0])
        for c in range(tile.shape[1])
    ]
    down, along = np.indices(SOURCE.shape)
    pixels = shapely.box(along, down, along + 1, down + 1)
    return np.array([shapely.area(shapely.intersection(quad, pixels)) for quad in quads]), shapely.area(quads)


@pytest.mark.parametrize("tile", [TURNED, FINER], ids=["turned", "finer"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("rule", ["average", "sum", "min", "max"])
def test_rules_follow_the_polygons(backend, tile, dtype, rule):
    random = np.random.default_rng(4)
    source = random.normal(size=SOURCE.shape) + (1j * random.normal(size=SOURCE.shape) if "complex" in dtype else 0)
    source = source.astype(dtype)
    holes = random.random(SOURCE.shape)
    source[holes > 0.6] = np.nan
    source[holes > 0.8] = complex(1, np.inf) if "complex" in dtype else np.inf
    if "complex" in dtype and rule in ("min", "max"):
        with pytest.raises(TypeError, match="source must be float32 or float64 for resampling 'm"):
            area_sample(source, corners_of(tile), resampling=rule)
        return
    weight, whole = shares(tile)
    valid = np.isfinite(source)
    covered = (weight * valid).sum((1, 2))
    total = (weight * np.where(valid, source, 0)).sum((1, 2))
    touched = (weight > 1e-9) & valid
    expected = {
        "average": total / np.maximum(covered, 1e-30),
        "sum": total,
        "min": np.where(touched, source, np.inf).min((1, 2)) if dtype != "complex64" else 0,
        "max": np.where(touched, source, -np.inf).max((1, 2)) if dtype != "complex64" else 0,
    }[rule]
    expected = np.where(covered > 1e-9 if rule == "sum" else covered >= 0.5 * whole, expected, np.nan).reshape(
        tile.shape
    )
    got = backend.numpy(area_sample(backend.array(source), corners_of(tile), resampling=rule))
    assert got.dtype == source.dtype
    assert 0 < np.isnan(expected).sum() < expected.size
    tolerance = 1e-12 if dtype == "float64" else 2e-6
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool"])
def test_mode_is_the_largest_share_and_more_labels_than_a_table_holds(backend, dtype):
    random = np.random.default_rng(9)
    tile = GeoBox((3, 4), (160.0, 25.0, 500020.0, 18.0, -150.0, 5800470.0), "EPSG:32631")
    source = random.integers(0, 2 if dtype == "bool" else 60, SOURCE.shape).astype(dtype)
    source[:9, :14] = 1
    nodata = 0
    weight, whole = shares(tile)
    totals = np.stack([(weight * (source == label)).sum((1, 2)) for label in range(60)], axis=1)
    totals[:, nodata] = 0
    expected = np.where(totals.sum(1) >= 0.5 * whole, totals.argmax(1), nodata).reshape(tile.shape)
    got = backend.numpy(area_sample(backend.array(source), corners_of(tile), resampling="mode", nodata=nodata))
    assert got.dtype == source.dtype
    if dtype != "bool":
        assert len(set(expected.ravel().tolist())) > 4
        assert ((weight > 0).sum((1, 2)) > 50).any()
    np.testing.assert_array_equal(got, expected.astype(dtype))


def test_of_equal_shares_the_lowest_label_counts(backend):
    source = np.array([[7, 3, 255, 255], [3, 7, 255, 9]], np.uint8)
    rows, cols = np.meshgrid([-0.5, 1.5], [-0.5, 1.5, 3.5], indexing="ij")
    corners = PixelMap(rows, cols, (2, 4))
    got = area_sample(backend.array(source), corners, resampling="mode", nodata=255)
    # A quarter of the second pixel is labelled: too little.
    np.testing.assert_array_equal(backend.numpy(got), [[3, 255]])


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:32632", "EPSG:4326", "EPSG:3035"])
def test_the_total_is_kept_over_tiles_that_cover_the_source(crs):
    random = np.random.default_rng(2)
    source = random.gamma(0.3, 100, SOURCE.shape)
    left, low, right, high = SOURCE.transformer_to(crs).transform_bounds(*SOURCE.bounds)
    wide, tall = right - left, high - low
    total = 0.0
    for i in range(2):
        for j in range(3):
            edges = (left - 0.1 * wide + j * 0.4 * wide, low - 0.1 * tall + i * 0.6 * tall)
            tile = GeoBox.from_bounds((*edges, edges[0] + 0.4 * wide, edges[1] + 0.6 * tall), shape=(13, 11), crs=crs)
            total += np.nansum(reproject(source, SOURCE, tile, resampling="sum"))
    assert total == pytest.approx(source.sum(), rel=1e-9)


def test_onto_its_own_grid_the_source_comes_back():
    source = np.random.default_rng(1).normal(size=(2, *SOURCE.shape)).astype(np.float32)
    source[0, 3, 4] = np.nan
    labels = np.random.default_rng(1).integers(1, 200, SOURCE.shape).astype(np.uint8)
    for rule in ("average", "sum", "min", "max"):
        np.testing.assert_array_equal(reproject(source, SOURCE, SOURCE, resampling=rule), source)
    np.testing.assert_array_equal(reproject(labels, SOURCE, SOURCE, resampling="mode", nodata=0), labels)


def test_average_agrees_with_gdal_on_aligned_grids():
    warp = pytest.importorskip("rasterio.warp")
    source = np.random.default_rng(1).normal(size=SOURCE.shape)
    tile = GeoBox.from_bounds((500033, 5800041, 500633, 5800473), shape=(8, 9), crs="EPSG:32631")
    expected = np.full(tile.shape, np.nan)
    warp.reproject(source, expected, src_transform=SOURCE.affine, src_crs=SOURCE.crs, dst_transform=tile.affine,
                   dst_crs=tile.crs, resampling=warp.Resampling.average, tolerance=0)  # fmt: skip
    np.testing.assert_allclose(reproject(source, SOURCE, tile, resampling="average"), expected, atol=1e-6)


def test_a_mirrored_scene_is_averaged_too():
    latitude = np.repeat(np.linspace(52.0, 50.0, 41)[:, None], 37, axis=1)
    longitude = np.repeat(np.linspace(8.0, 5.0, 37)[None], 41, axis=0)
    tile = GeoBox.from_bounds((5.5, 50.5, 7.5, 51.5), shape=(4, 5), crs="EPSG:4326")
    got = geolocate(longitude, latitude, longitude, tile, resampling="average")
    np.testing.assert_allclose(got, np.tile([5.7, 6.1, 6.5, 6.9, 7.3], (4, 1)), atol=2e-3)
    outside = GeoBox.from_bounds((4.5, 50.5, 6.5, 51.5), shape=(4, 5), crs="EPSG:4326")
    got = geolocate(longitude, latitude, longitude, outside, resampling="average")
    assert np.isnan(got[:, :2]).all()
    assert not np.isnan(got[:, 2:]).any()


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "average", "nearest"])
def test_a_mask_is_no_data(backend, resampling):
    random = np.random.default_rng(8)
    source = random.normal(size=(2, *SOURCE.shape))
    mask = random.random(SOURCE.shape) > 0.3
    expected = reproject(np.where(mask, source, np.nan), SOURCE, FINER, resampling=resampling)
    before = source.copy()
    for given in (mask, np.stack([mask, mask])):
        got = reproject(backend.array(source), SOURCE, FINER, resampling=resampling, mask=backend.array(given))
        np.testing.assert_allclose(backend.numpy(got), expected, atol=1e-12)
    np.testing.assert_array_equal(source, before)
    labels = np.where(mask, 5, 9).astype(np.uint8)
    for rule in ("nearest", "mode"):
        got = reproject(labels, SOURCE, FINER, resampling=rule, mask=mask, nodata=0)
        assert set(np.unique(got)) == {0, 5}


def test_refusals_name_what_came():
    source = np.zeros(SOURCE.shape, np.float32)
    with pytest.raises(TypeError, match="source must be bool or integers for resampling 'mode', got float32"):
        reproject(source, SOURCE, FINER, resampling="mode")
    with pytest.raises(TypeError, match="for resampling 'average', got int16; turn integers into float"):
        reproject(source.astype("int16"), SOURCE, FINER, resampling="average", nodata=0)
    with pytest.raises(ValueError, match="nodata must be given for uint8"):
        reproject(source.astype("uint8"), SOURCE, FINER, resampling="mode")
    with pytest.raises(ValueError, match="nodata must be left out for float32"):
        reproject(source, SOURCE, FINER, resampling="sum", nodata=0)
    with pytest.raises(ValueError, match="resampling must be one of average, sum, min, max, mode, got 'med'"):
        area_sample(source, corners_of(FINER), resampling="med")
    with pytest.raises(TypeError, match="mask must be an array of bool, got uint8"):
        reproject(source, SOURCE, FINER, mask=np.zeros(SOURCE.shape, np.uint8))
    with pytest.raises(
        ValueError, match=r"mask must have the shape of source, \(25, 35\), or of a band, got \(24, 35\)"
    ):
        reproject(source, SOURCE, FINER, mask=np.ones((24, 35), bool))
    with pytest.raises(ValueError, match="nodata must be given for source of uint8 with a mask"):
        reproject(source.astype("uint8"), SOURCE, FINER, mask=np.ones((25, 35), bool), resampling="nearest")


WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(300, 600), crs="EPSG:4326")
#: The same columns from another meridian on: no tile near 180 degrees lies over its ends.
PACIFIC = GeoBox.from_bounds((0, -90, 360, 90), shape=(300, 600), crs="EPSG:4326")


@pytest.mark.parametrize("rule", ["average", "sum", "min", "max", "mode", "nearest", "bilinear", "cubic"])
def test_a_tile_over_the_ends_of_a_global_raster_is_that_of_one_without_ends(backend, rule):
    random = np.random.default_rng(3)
    labels = rule == "mode"
    values = random.integers(1, 90, WORLD.shape, np.uint8) if labels else random.normal(size=WORLD.shape)
    turned = np.ascontiguousarray(np.roll(values, -300, axis=1))
    options = {"resampling": rule, **({"nodata": 0} if labels else {})}
    for crs, bounds in (
        ("EPSG:32760", (790000, 8110000, 850000, 8160000)),
        ("EPSG:4326", (177.3, -17.05, 183.9, -12.1)),
        ("EPSG:3857", (19960000, -1910000, 20110000, -1810000)),
    ):
        tile = GeoBox.from_bounds(bounds, shape=(11, 13), crs=crs)
        expected = reproject(turned, PACIFIC, tile, **options)
        got = backend.numpy(reproject(backend.array(values), WORLD, tile, **options))
        assert got.dtype == values.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
    whole = GeoBox.from_bounds((0, -90, 360, 90), shape=(60, 120), crs="EPSG:4326")
    if rule in ("sum", "mode"):
        np.testing.assert_allclose(reproject(values, WORLD, whole, **options),
                                   reproject(turned, PACIFIC, whole, **options), rtol=1e-9)  # fmt: skip


def test_the_ground_of_tiles_at_the_180th_meridian_is_counted_once():
    ones = np.ones(WORLD.shape)
    for tile in TileGrid.exact((179.97, -16.9, 179.999, -16.85)):
        box = tile.geobox
        taken = reproject(ones, WORLD, box, resampling="sum")
        degrees = shapely.Polygon(np.stack(box.transformer_to("EPSG:4326").transform(*box.outline()), 1) % (360, 181))
        ring = np.asarray(degrees.exterior.coords)
        ring[:, 1] -= 181
        assert taken.sum() == pytest.approx(shapely.Polygon(ring).area / 0.6**2, rel=1e-4)
        np.testing.assert_allclose(reproject(ones, WORLD, box, resampling="average"), 1)


def test_a_region_far_from_a_tile_is_not_spread_over_it():
    """Corners on both sides of the meridian opposite to a source lie at both of its ends, far outside."""
    values = np.ones((60, 100))
    for box in (
        GeoBox.from_bounds((0, 0, 10, 6), shape=(60, 100), crs="EPSG:4326"),
        GeoBox.from_bounds((0, 0, 10.0007, 6), shape=(60, 100), crs="EPSG:4326"),
    ):
        tile = GeoBox.from_bounds((-175.2, 1, -174.8, 2), shape=(7, 9), crs="EPSG:4326")
        for rule in ("sum", "average", "max", "bilinear"):
            assert np.isnan(reproject(values, box, tile, resampling=rule)).all()


def test_what_a_source_lacks_at_the_meridian_is_no_data():
    part = GeoBox.from_bounds((-170, -20, 180, 20), shape=(80, 700), crs="EPSG:4326")
    tile = GeoBox.from_bounds((178, 0, 184, 2), shape=(4, 6), crs="EPSG:4326")
    got = reproject(np.ones(part.shape), part, tile, resampling="average")
    np.testing.assert_array_equal(np.isnan(got), [[False, False, True, True, True, True]] * 4)
