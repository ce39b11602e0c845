"""What cannot be resampled is refused by name, or left empty where that is the rule."""

import numpy as np
import pytest

from m3leo_sar import GeoBox, geolocate, reproject
from m3leo_sar.warp.geolocate import geolocation_map

BOX = GeoBox.from_bounds((500000, 5800000, 500700, 5800500), shape=(25, 35), crs="EPSG:32631")
PIXELS = np.arange(875, dtype=np.float32).reshape(25, 35)
TILE = GeoBox.from_bounds((5.0, 50.0, 6.0, 51.0), shape=(20, 22), crs="EPSG:4326")


def scene(rows=40, cols=37):
    latitude = np.repeat(np.linspace(51.5, 49.5, rows)[:, None], cols, axis=1)
    longitude = np.repeat(np.linspace(4.5, 6.5, cols)[None], rows, axis=0)
    return latitude, longitude


def test_crs_and_affine():
    for crs in ("", None):
        with pytest.raises(ValueError, match="crs must name a coordinate reference system, got an empty value"):
            GeoBox((2, 3), (1, 0, 0, 0, -1, 0), crs)
    for affine in ((0, 0, 0, 0, -1, 0), (1, 2, 0, 2, 4, 0), (1, 0, np.nan, 0, 1, 0)):
        with pytest.raises(ValueError, match="affine must be finite and invertible, got"):
            GeoBox((2, 3), affine, "EPSG:4326")
    # Heights and buildings are no place on the map.
    local = (
        'ENGCRS["A building",EDATUM["Its corner"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'
    )
    for crs in ("EPSG:1", "no such thing", local):
        for tile in (GeoBox((3, 4), BOX.affine, crs),):
            with pytest.raises(ValueError, match="crs must be known to PROJ"):
                reproject(PIXELS, BOX, tile)
            with pytest.raises(ValueError, match="crs must be known to PROJ"):
                geolocate(scene()[0], *scene(), tile)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "lanczos", "average", "sum"])
def test_a_tile_off_the_raster_is_empty_or_an_error(resampling):
    tile = GeoBox.from_bounds((600000, 5800000, 600100, 5800100), shape=(4, 5), crs="EPSG:32631")
    assert np.isnan(reproject(PIXELS, BOX, tile, resampling=resampling)).all()
    far = GeoBox.from_bounds((15, 50, 16, 51), shape=(4, 5), crs="EPSG:4326")
    assert np.isnan(geolocate(scene()[0], *scene(), far, resampling=resampling)).all()
    with pytest.raises(ValueError, match="the tile lies outside the source: none of its"):
        reproject(PIXELS, BOX, tile, resampling=resampling, outside="error")
    with pytest.raises(ValueError, match="the tile lies outside the source: none of its"):
        geolocate(scene()[0], *scene(), far, resampling=resampling, outside="error")
    assert not np.isnan(geolocate(scene()[0], *scene(), TILE, resampling=resampling, outside="error")).any()
    with pytest.raises(ValueError, match="outside must be one of empty, error, got 'crop'"):
        reproject(PIXELS, BOX, BOX, outside="crop")


def test_integer_nodata_is_never_mixed():
    labels = PIXELS.astype(np.int16)
    for resampling in ("bilinear", "cubic", "lanczos", "cubic_spline"):
        with pytest.raises(TypeError, match="its no data would be mixed in; turn it into float with NaN"):
            reproject(labels, BOX, BOX, resampling=resampling, nodata=-9999)


def test_coordinates_of_zero_and_stripes_of_nan_are_unknown():
    latitude, longitude = scene()
    expected = geolocation_map(latitude, longitude, TILE)
    for fill in (0.0, np.nan):
        holed = latitude.copy(), longitude.copy()
        for axis in holed:
            axis[:3], axis[:, :2], axis[20] = fill, fill, fill
        found = geolocation_map(*holed, TILE)
        lost = np.isnan(found.rows)
        # Cells beside the stripe are gone, none reaches across the globe, and the rest is as it was.
        assert lost.any()
        assert not lost.all()
        np.testing.assert_array_equal(lost, (expected.rows > 19) & (expected.rows < 21))
        np.testing.assert_allclose(found.rows[~lost], expected.rows[~lost], atol=1e-9)
        np.testing.assert_allclose(found.cols[~lost], expected.cols[~lost], atol=1e-9)
        with pytest.raises(ValueError, match="must be known in some pixel, all pixels are NaN or at 0 N, 0 E"):
            geolocation_map(np.full((4, 5), fill), np.full((4, 5), fill), TILE)


def test_a_folded_scene_gives_one_of_its_places_and_degenerate_cells_none():
    latitude, _ = scene()
    # Range folds back in the middle, as over a steep slope.
    folded = 4.5 + 2 * np.abs(np.linspace(-0.6, 1, 37))
    found = geolocation_map(latitude, np.repeat(folded[None], 40, axis=0), TILE)
    inside = ~np.isnan(found.cols)
    assert inside.any()
    at = np.interp(found.cols[inside], np.arange(37), folded)
    np.testing.assert_allclose(at, np.broadcast_to(TILE.centres()[0], TILE.shape)[inside], atol=1e-9)
    # All pixels in one place: no area, no position.
    flat = geolocation_map(np.full((6, 7), 50.5), np.full((6, 7), 5.5), TILE)
    assert np.isnan(flat.rows).all()


def test_only_the_part_of_a_scene_around_the_tile_is_searched_and_the_result_is_that_of_the_whole():
    from m3leo_sar.warp import geolocate as module

    random = np.random.default_rng(5)
    latitude, longitude = scene(160, 171)
    latitude, longitude = latitude + 0.003 * random.normal(size=latitude.shape), longitude + 0.3 * (latitude - 50)
    small = GeoBox.from_bounds((5.3, 50.2, 5.5, 50.3), shape=(20, 22), crs="EPSG:4326")
    part = module._around(latitude, longitude, np.zeros(latitude.shape, bool), small)
    assert (part[0].stop - part[0].start) * (part[1].stop - part[1].start) < latitude.size / 10
    found = geolocation_map(latitude, longitude, small)
    whole = module.backend_of(latitude).geolocate_inverse(*module._on_tile(latitude, longitude, small), small.shape)
    assert not np.isnan(whole[0]).any()
    np.testing.assert_allclose(found.rows, whole[0], atol=1e-12)
    np.testing.assert_allclose(found.cols, whole[1], atol=1e-12)
    # A coarse scene: the tile lies within one cell, no radar pixel on it.
    coarse = scene(5, 6)
    found = geolocation_map(*coarse, GeoBox.from_bounds((5.01, 50.2, 5.02, 50.21), shape=(3, 4), crs="EPSG:4326"))
    assert not np.isnan(found.rows).any()


@pytest.mark.parametrize("bounds", [(0, 89.5, 10, 90), (0, -90, 10, -89.95)])
def test_a_pole_in_degrees_is_refused_and_a_polar_crs_taken(bounds):
    with pytest.raises(ValueError, match="use a polar CRS such as EPSG:3413 or EPSG:3031"):
        geolocate(scene()[0], *scene(), GeoBox.from_bounds(bounds, shape=(3, 4), crs="EPSG:4326"))
    # Around the pole itself: radar pixels on a square of the polar plane.
    crs = "EPSG:3413" if bounds[1] > 0 else "EPSG:3031"
    plane = GeoBox.from_bounds((-9e4, -8e4, 9e4, 8e4), shape=(40, 45), crs=crs)
    longitude, latitude = plane.transformer_to("EPSG:4326").transform(*plane.centres())
    tile = GeoBox.from_bounds((-3e4, -2e4, 3e4, 2e4), shape=(11, 13), crs=crs)
    found = geolocation_map(latitude, longitude, tile)
    rows, cols = plane.to_pixels(*tile.centres())
    np.testing.assert_allclose(found.rows, rows, atol=1e-6)
    np.testing.assert_allclose(found.cols, cols, atol=1e-6)
