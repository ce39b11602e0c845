import numpy as np
import pytest
from reference import inverse_cell_reference

from m3leo_sar import GeoBox, geolocate
from m3leo_sar.warp.geolocate import geolocation_map

TILE = GeoBox.from_bounds((4.0, 52.0, 4.3, 52.2), shape=(14, 17), crs="EPSG:4326")


def scene(rows=9, cols=12, *, turn=0.3, shear=0.2):
    """Latitude and longitude of a rotated, sheared, slightly bent scene around the tile."""
    t, s = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, cols), indexing="ij")
    x, y = s + shear * t + 0.05 * s * t, t + 0.04 * s * s
    along, across = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    return 52.1 + 0.1 * across, 4.15 + 0.15 * along


def test_positions_match_newton_in_every_cell(backend):
    latitude, longitude = scene()
    found = geolocation_map(backend.array(latitude), backend.array(longitude), TILE)
    expected = inverse_cell_reference(*TILE.to_pixels(longitude, latitude), TILE.shape)
    assert 0.3 < np.isfinite(found.rows).mean() < 1
    np.testing.assert_allclose([found.rows, found.cols], expected, atol=1e-7)


def test_all_eight_flips_give_the_same_raster():
    latitude, longitude = scene()
    radar = np.random.default_rng(3).normal(size=latitude.shape)
    expected = geolocate(radar, latitude, longitude, TILE)
    for turns in range(4):
        for flip in (lambda a: a, np.fliplr):
            turned = [np.rot90(flip(array), turns) for array in (radar, latitude, longitude)]
            np.testing.assert_allclose(geolocate(*turned, TILE), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("crs", "bounds"), [("EPSG:4326", TILE.bounds), ("EPSG:32631", (570000, 5763000, 585000, 5780000))]
)
def test_coordinates_carried_through_come_back(crs, bounds):
    tile = GeoBox.from_bounds(bounds, shape=(31, 23), crs=crs)
    latitude, longitude = scene(60, 80)
    carried = np.exp(1j * np.deg2rad([latitude, longitude]))
    found = np.angle(geolocate(carried, latitude, longitude, tile))
    x, y = tile.transformer_to("EPSG:4326").transform(*tile.centres())
    error = np.abs(found - np.deg2rad([y, x]))
    assert np.isfinite(error).mean() > 0.3
    assert np.nanmax(error) < 1e-6


def test_a_scene_on_the_tiles_grid_comes_out_bit_for_bit(backend):
    longitude, latitude = TILE.centres()
    radar = np.random.default_rng(4).normal(size=(2, *TILE.shape)).astype("float32")
    found = geolocate(*(backend.array(array) for array in (radar, latitude, longitude)), TILE)
    np.testing.assert_array_equal(backend.numpy(found), radar)


def test_unknown_coordinates_leave_their_cells_out_only():
    longitude, latitude = TILE.centres()
    radar = np.ones(TILE.shape)
    latitude[5, 6] = np.nan
    found = np.isnan(geolocate(radar, latitude, longitude, TILE))
    assert found[5, 6]
    assert found.sum() == 1


def test_foldover_goes_to_the_lowest_cell(backend):
    latitude = np.repeat(np.linspace(52.2, 52.0, 8)[:, None], 3, axis=1)
    longitude = np.repeat([[4.0, 4.31, 3.99]], 8, axis=0)
    found = geolocation_map(backend.array(latitude), backend.array(longitude), TILE)
    assert np.nanmax(backend.numpy(found.cols)) <= 1


def test_a_scene_across_the_antimeridian():
    tile = GeoBox.from_bounds((-180, 0, -179, 1), shape=(4, 5), crs="EPSG:4326")
    latitude, longitude = np.meshgrid(np.linspace(-1, 2, 9), np.linspace(178, 182, 11), indexing="ij")
    wrapped = (longitude + 180) % 360 - 180
    found = geolocate(latitude, latitude, wrapped, tile)
    np.testing.assert_allclose(found, tile.centres()[1], atol=1e-9)


@pytest.mark.parametrize(("west", "turn"), [(-12, 360), (8, -360)])
def test_longitudes_may_be_given_a_turn_further(west, turn):
    row, col = np.indices((31, 47), dtype=np.float64)
    latitude, longitude = 52 - row / 15 - col / 90, west + col / 12 + row / 80
    tile = GeoBox.from_bounds((west + 1.4, 50.4, west + 2.3, 51.2), shape=(13, 17), crs="EPSG:4326")
    found, turned = (geolocation_map(latitude, degrees, tile) for degrees in (longitude, longitude + turn))
    assert np.isfinite(found.rows).all()
    np.testing.assert_allclose(turned.rows, found.rows, atol=1e-9)
    np.testing.assert_allclose(turned.cols, found.cols, atol=1e-9)


def test_refusals_name_what_came():
    latitude, longitude = scene()
    radar = np.ones(latitude.shape)
    with pytest.raises(ValueError, match=r"longitude must have the shape of latitude, \(9, 12\), got \(8, 12\)"):
        geolocate(radar, latitude, longitude[1:], TILE)
    with pytest.raises(ValueError, match="latitude must be degrees from -90 to 90, or NaN, got 91"):
        geolocate(radar, np.where(latitude > 52.1, 91.0, latitude), longitude, TILE)
    with pytest.raises(TypeError, match="latitude must be an array of float32 or float64, got int64"):
        geolocate(radar, latitude.astype(int), longitude, TILE)
    with pytest.raises(ValueError, match=r"source must have the \(9, 12\) rows"):
        geolocate(radar[1:], latitude, longitude, TILE)
