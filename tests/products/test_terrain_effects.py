"""Terrain-flattened gamma nought on a slope whose answer is known, and ground that a mask leaves out."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from m3leo_sar import GeoBox, SlcStack, TileGrid, Window, prepare
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import OtherSettingsWarning
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.products.terrain_effects import slope_factor, tile_view
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.warp.geo2rdr import geo2rdr, radar_view, rdr2geo

ORBIT = circular_orbit()
#: Pixels of 14 m by 3.6 m or so, as of Sentinel-1.
GRID = RadarGrid((113, 420), -0.1, 0.002, 8.2e5, 2.33, 0.0555)
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
DATES = [datetime.date(2023, 3, day) for day in (1, 13)]
KEYS = ["VV/20230301", "VV/20230313"]


@pytest.fixture(scope="module")
def ground():
    """Tile in the middle of the image, a terrain grid, and metres across the track of its posts."""
    middle = rdr2geo(orbit=ORBIT, radar_grid=GRID, dem=np.zeros((2, 2)), dem_geobox=WORLD, rows=[56], cols=[210])
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    tiles = TileGrid([(lon - 0.0022, lat - 0.0022, lon + 0.0022, lat + 0.0022)], pixels=48)
    box = tiles[0].geobox.pad(152, 152).reduced(2, 2)
    longitude, latitude = box.transformer_to("EPSG:4326").transform(*box.centres())
    _, cols = geo2rdr(latitude, longitude, 0.0, orbit=ORBIT, radar_grid=GRID)
    incidence = float(middle.incidence[0])
    return tiles, box, (cols - 210) * GRID.range_spacing / np.sin(np.radians(incidence)), incidence


def stack_over(dem, box, *, value=1.0, grid=GRID, **facts) -> SlcStack:
    pixels = np.full((2, *grid.shape), value, np.complex64)
    geometry = OrbitGeometry(ORBIT, grid, dem, box)
    return SlcStack.from_arrays(pixels, DATES, geometry=geometry, polarisation="VV", flattened=True, **facts)


@pytest.mark.parametrize("degrees", [9.0, -17.0])
def test_a_slope_across_the_track_has_the_tangent_of_its_local_incidence(ground, tmp_path, degrees):
    tiles, box, metres, incidence = ground
    dem = np.tan(np.radians(degrees)) * metres
    stack = stack_over(dem, box, value=3.0)
    found = prepare(stack, tmp_path / "chips", tiles=tiles, window=Window(rows=3, cols=9), gamma0=True)
    assert found.computed == {"coherence": 1, "intensity": 2, "gamma0": 2}
    archive, name = ChipArchive(tmp_path / "chips"), tiles[0].identifier
    view = radar_view(tiles[0], orbit=ORBIT, radar_grid=GRID, dem=dem, dem_geobox=box)
    local = np.radians(float(view.incidence.mean()))
    assert np.degrees(local) == pytest.approx(incidence - degrees, abs=1.5)
    for key in KEYS:
        chip = archive.read(name, "gamma0", key)
        assert chip.metadata["unit"] == "intensity"
        assert chip.metadata["parameters"]["cell"] == 30.0
        assert np.isfinite(chip.array).all()
        assert chip.array.mean() == pytest.approx(9.0 * np.tan(local), rel=0.01)
        assert chip.array.std() < 0.05 * chip.array.mean()
        np.testing.assert_allclose(archive.read(name, "intensity", key).array, 9.0, rtol=1e-5)


def test_bursts_see_a_tile_each_in_its_own_geometry(ground, tmp_path):
    tiles, box, metres, _ = ground
    dem = 0.15 * metres
    parts = [slice(0, 66), slice(44, 113)]
    grids = [GRID.crop(rows, slice(None)) for rows in parts]
    bursts = BurstSet.of([stack_over(dem, box, grid=grid, burst=name) for name, grid in zip("ab", grids, strict=True)])
    prepare(bursts, tmp_path / "chips", tiles=tiles, window=Window(rows=3, cols=9), gamma0=True)
    chip = ChipArchive(tmp_path / "chips").read(tiles[0].identifier, "gamma0", KEYS[0])
    assert len(chip.metadata["bursts"]) == 2
    geometry = stack_over(dem, box).geometry
    whole = slope_factor(geometry, tiles[0].geobox, tile_view(geometry, tiles[0].geobox))
    np.testing.assert_allclose(chip.array, whole, rtol=0.06)


def test_masked_ground_has_no_data_in_any_chip_and_the_chips_say_so(ground, tmp_path):
    tiles, box, metres, _ = ground
    ridge = 300.0 * np.exp(-((metres / 130) ** 2))
    stack, window = stack_over(ridge, box), Window(rows=3, cols=9)
    view = radar_view(tiles[0], orbit=ORBIT, radar_grid=GRID, dem=ridge, dem_geobox=box)
    assert 0.1 < view.layover.mean() < 0.9
    assert 0.05 < view.shadow.mean() < 0.9
    for mask in (("layover",), ("shadow", "layover")):
        options = {"tiles": tiles, "window": window, "valid_looks": True, "interferograms": True, "gamma0": True}
        archive = ChipArchive.create(tmp_path / "-".join(mask), stack="stack")
        prepare(stack, archive, **options, mask=mask)
        hidden = view.layover | view.shadow if len(mask) > 1 else view.layover
        for product, keys in (("coherence", None), ("looks", None), ("interferogram", None), ("intensity", KEYS)):
            for key in keys or ["VV/20230301_20230313"]:
                chip = archive.read(tiles[0].identifier, product, key)
                np.testing.assert_array_equal(np.isnan(chip.array), hidden, err_msg=product)
                assert chip.metadata["parameters"]["mask"] == sorted(mask)
        gamma = archive.read(tiles[0].identifier, "gamma0", KEYS[0]).array
        assert np.isnan(gamma[hidden]).all()
    small = ChipArchive.create(tmp_path / "uint8", stack="stack", dtype="uint8")
    prepare(stack, small, tiles=tiles, window=window, intensities=False, mask=["layover"])
    chip = small.read(tiles[0].identifier, "coherence", "VV/20230301_20230313")
    np.testing.assert_array_equal(chip.known, ~view.layover)
    # Another mask makes other chips; none keeps those of an archive from before.
    archive = ChipArchive(tmp_path / "layover")
    assert prepare(stack, archive, tiles=tiles, window=window, mask=["layover"]).computed == {}
    with pytest.warns(OtherSettingsWarning, match="mask layover, and this run has no mask"):
        assert prepare(stack, archive, tiles=tiles, window=window).computed == {"coherence": 1, "intensity": 2}
    assert "mask" not in archive.read(tiles[0].identifier, "intensity", KEYS[0]).metadata["parameters"]


def test_a_tile_off_the_image_has_no_factor(ground):
    tiles, box, _, _ = ground
    far = tiles[0].geobox.pad(-12, -12)
    geometry = stack_over(np.zeros(box.shape), box, grid=GRID.crop(slice(0, 5), slice(0, 9))).geometry
    assert np.isnan(slope_factor(geometry, far, tile_view(geometry, far))).all()


def test_stacks_without_terrain_and_unknown_words_are_refused(tmp_path):
    box = GeoBox.from_bounds((680_000, 5_500_000, 680_450, 5_500_310), shape=(31, 45), crs="EPSG:32631")
    stack = SlcStack.from_arrays(np.ones((2, 31, 45), "complex64"), DATES, geometry=box, polarisation="VV")
    for options, name in (({"gamma0": True}, "gamma0"), ({"mask": ["shadow", "layover"]}, "mask layover,shadow")):
        with pytest.raises(ValueError, match=f"{name} needs a stack with orbit and terrain.*; stack is on a map grid"):
            prepare(stack, tmp_path / "chips", **options)
    assert not (tmp_path / "chips").exists()
    with pytest.raises(ValueError, match="mask must be layover, shadow or both, layover,shadow, got 'water'"):
        Recipe(pairs=(), window=Window(rows=3, cols=3), mask=("water",))
