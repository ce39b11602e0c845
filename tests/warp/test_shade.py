"""Layover and shadow: against every step of the line of sight, range and Doppler themselves, and laws they keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import shade_reference
from test_backends import _module

from m3leo_sar import GeoBox, TileGrid, reproject
from m3leo_sar.grid.orbit import earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp.geo2rdr import geo2rdr, radar_view, rdr2geo

ORBIT = circular_orbit()
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")


def grid(look="right"):
    return RadarGrid((3000, 2000), -3.0, 0.002, 8.2e5, 2.33, 0.0555, look=look)


def scene(look, *, pixels):
    """A tile in the middle of the image, and the grid and coordinates (-1 to 1) of terrain around it."""
    middle = rdr2geo(
        orbit=ORBIT, radar_grid=grid(look), dem=np.zeros((2, 2)), dem_geobox=WORLD, rows=[1500], cols=[1000]
    )
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=pixels)
    west, south, right, top = tile.geobox.bounds_in("EPSG:4326")
    lon, lat = (west + right) / 2, (south + top) / 2
    box = GeoBox.from_bounds((lon - 0.2, lat - 0.1, lon + 0.2, lat + 0.1), shape=(260, 330), crs="EPSG:4326")
    north, east = (2 * axis / (size - 1) - 1 for axis, size in zip(np.indices(box.shape), box.shape, strict=True))
    return tile.geobox, box, north, east


def flags(view, backend):
    return backend.numpy(view.layover) + 2 * backend.numpy(view.shadow)


def terrain(kind, rows, cols, seed):
    random = np.random.default_rng(seed)
    height = random.normal(0, 3, (rows, cols)).cumsum(axis=1).cumsum(axis=0) / 10
    at = random.integers(0, cols)
    if kind == "ridge":
        height[:, max(at - 2, 0) : at + 2] += 400
    elif kind == "pit":
        height[rows // 3 : rows // 2 + 1, max(at - 5, 0) : at + 5] -= 300
    elif kind == "plateau":
        height[rows // 4 :, at:] = 250
    height[random.random((rows, cols)) < random.choice([0, 0.01, 0.2])] = np.nan
    return height


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["rough", "ridge", "pit", "plateau"]),
    rows=st.integers(2, 41),
    cols=st.integers(2, 150),
    turn=st.floats(0, 6.3),
    steps=st.integers(1, 200),
    seed=st.integers(0, 2**32 - 1),
)
def test_passing_over_blocks_loses_no_step(backend, kind, rows, cols, turn, steps, seed):
    height = terrain(kind, rows, cols, seed)
    step = (float(np.sin(turn)), float(np.cos(turn)))
    away = 10 * (np.indices((rows, cols)).T @ np.array(step)).T
    distance, look = 8e5 + 0.57 * away - 0.82 * height, -0.82 + (0.82 * away + 0.57 * height) * 1e-6
    expected = shade_reference(distance, look, step, steps)
    first = (rows // 3, cols // 4)
    shape = (rows - first[0], cols - first[1] - cols // 5)
    got = _module(backend).geometry_shade(*(backend.array(x) for x in (distance, look)), step, steps, first, shape)
    inner = tuple(slice(start, start + size) for start, size in zip(first, shape, strict=True))
    np.testing.assert_array_equal(backend.numpy(got), expected[inner])


@pytest.mark.parametrize("look", ["right", "left"])
@pytest.mark.parametrize("kind", ["ridge", "pit", "plateau"])
def test_flags_are_those_of_range_and_doppler(backend, look, kind):
    """At most one pixel in a thousand differs, where two values are equal to rounding: none was seen to."""
    tile, box, north, east = scene(look, pixels=52)
    shape = {
        "ridge": abs(east - 0.05) < 0.02,
        "pit": (abs(east) < 0.08) & (abs(north) < 0.2),
        "plateau": abs(east) < 0.06,
    }
    dem = np.where(shape[kind], -300.0 if kind == "pit" else 1400.0, 60 * np.sin(9 * north + 5 * east))
    dem[120:124, 160:163] = np.nan
    view = radar_view(tile, orbit=ORBIT, radar_grid=grid(look), dem=backend.array(dem), dem_geobox=box)
    around, rim = tile.pad(45, 45), slice(45, -45)
    height = reproject(dem, box, around)
    longitude, latitude = around.transformer_to("EPSG:4326").transform(*around.centres())
    _, cols = geo2rdr(latitude, longitude, height, orbit=ORBIT, radar_grid=grid(look))
    rows, level = geo2rdr(latitude, longitude, 0.0, orbit=ORBIT, radar_grid=grid(look))
    position, _ = ORBIT.at(-3.0 + 0.002 * rows)
    sight = earth_fixed(longitude, latitude, height) - position
    angle = (sight * position).sum(axis=-1) / np.linalg.norm(sight, axis=-1) / np.linalg.norm(position, axis=-1)
    jacobian = np.array([np.diff(plane[70:72, 70:72], axis=axis)[0, 0] for plane in (rows, level) for axis in (0, 1)])
    away = np.linalg.solve(jacobian.reshape(2, 2), [0.0, 1.0])
    expected = shade_reference(cols, angle, away / np.hypot(*away), 43)[rim, rim]
    got = flags(view, backend)
    assert (expected & 1).sum() > 30
    assert kind == "pit" or (expected & 2).sum() > 30
    assert (got != expected).mean() <= 1e-3


def test_a_higher_wall_hides_and_folds_at_least_as_much(backend):
    tile, box, _, east = scene("right", pixels=64)
    before = np.zeros(tile.shape, bool)
    for high in (0.0, 300.0, 800.0, 2500.0):
        dem = backend.array(np.where(abs(east) < 0.03, high, 0.0))
        view = radar_view(tile, orbit=ORBIT, radar_grid=grid(), dem=dem, dem_geobox=box)
        shadow = backend.numpy(view.shadow)
        # What stood in shadow stays there; the growing wall's own sides come out of it.
        low = backend.numpy(view.height) < 1
        assert not (before & low & ~shadow).any()
        assert shadow.any() == (high > 0)
        before = shadow & low


@pytest.mark.parametrize("look", ["right", "left"])
def test_a_mountain_off_the_tile_hides_its_level_ground(look):
    """What is hidden does not depend on where the tile ends: the mountain may stand beyond."""
    tile, box, _, east = scene(look, pixels=64)
    dem = np.where(abs(east) < 0.02, 2800.0, 0.0)
    options = {"orbit": ORBIT, "radar_grid": grid(look), "dem": dem, "dem_geobox": box}
    whole = radar_view(tile, **options)
    flat = (whole.height == 0).all(axis=0)
    hidden = (whole.shadow | whole.layover).any(axis=0)
    for side in (slice(0, 22), slice(44, 64)):
        assert flat[side].all()
        part = radar_view(tile.crop(slice(0, 64), side), **options)
        assert np.abs(part.positions.cols - whole.positions.cols[:, side]).max() < 1e-4
        for name in ("layover", "shadow"):
            assert (getattr(part, name) != getattr(whole, name)[:, side]).mean() < 0.01
    assert hidden[:22].any()
    assert hidden[44:].any()
